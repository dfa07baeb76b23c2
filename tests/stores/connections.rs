//! What a service's key says besides its subjects: a direction that is closed, where it may connect from, and how.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use natsops::artifacts::trusted;
use natsops::jwt::{AccountBody, Claims, SigningKey, Template, decode};
use natsops::nats::{Probe, Tls, push, tls};
use natsops::secrets::{Document, KeyName, SecretStore as _, Ticket};

use crate::cluster::{Keys, monitors, servers};
use crate::support::{Cluster, Project};

/// Signs in as a service, with its own certificate and creds.
pub async fn sign_in(project: &Project, service: &str) -> Result<Probe, String> {
    let keys = Keys::of(project);
    let name = service.parse().unwrap();
    let ticket = |document: Document, key: KeyName| Ticket {
        public: keys.index.document(&document).unwrap().to_owned(),
        secret: keys.store.open(&key).unwrap(),
    };
    let certificate = ticket(Document::client(&name), KeyName::client(&name));
    let user = ticket(Document::user(&name), KeyName::user(&name));
    let authority = trusted(&keys.index).unwrap();
    let config = tls(&authority, Some((&certificate.public, &certificate.secret))).unwrap();
    let address: SocketAddr = monitors(project, 4222)[0];
    let mut probe = Probe::open(address, &Tls::With(Arc::new(config))).await.unwrap();
    probe.sign_in(Some(&user)).await.map_err(|error| error.to_string())?;
    Ok(probe)
}

async fn refuses(probe: &mut Probe, words: &str) -> bool {
    !probe.ask(words).await.unwrap().errors.is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direction_without_grants_is_closed() {
    let cluster = Cluster::applied();
    // The one only listens: not even a reply, an inbox or the system's subjects are open to it.
    let mut listener = sign_in(&cluster.project, "notification").await.unwrap();
    for subject in ["evt.session.opened.v1", "anything", "_INBOX.notification.1", "$JS.API.INFO"] {
        let words = format!("PUB {subject} 0\r\n\r\n");
        assert!(refuses(&mut listener, &words).await, "it may publish {subject}");
    }
    assert!(
        !refuses(&mut listener, "SUB evt.session.opened.v1 q.notification 1\r\nUNSUB 1\r\n").await
    );
    // The other only speaks: it hears its own answers, and nothing else.
    let mut speaker = sign_in(&cluster.project, "payment-webhook").await.unwrap();
    for subject in [">", "evt.payment.provider.notified.v1", "_INBOX.>", "_INBOX.payments.1"] {
        let words = format!("SUB {subject} 1\r\nUNSUB 1\r\n");
        assert!(refuses(&mut speaker, &words).await, "it may subscribe {subject}");
    }
    assert!(!refuses(&mut speaker, "SUB _INBOX.payment-webhook.1 1\r\nUNSUB 1\r\n").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_only_serves_answers_and_says_nothing_else() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    project.edit("catalog/commerce.yaml", "services:\n", ONLY_SERVES);
    let calls = "      - svc.wallet.v1.balance\n";
    let more = format!("{calls}      - svc.rates.v1.get\n");
    project.edit("catalog/commerce.yaml", calls, &more);
    project.run(&["apply", "local", "--yes"]).expect(0);
    let mut server = sign_in(project, "rates").await.unwrap();
    for subject in ["evt.store.purchase.completed.v1", "_INBOX.store.1", "$JS.API.INFO"] {
        let words = format!("PUB {subject} 0\r\n\r\n");
        assert!(refuses(&mut server, &words).await, "it may publish {subject}");
    }
    assert!(refuses(&mut server, "SUB svc.rates.v1.get 1\r\nUNSUB 1\r\n").await);

    // It answers each request, and once.
    let rates = crate::cluster::client(project, "rates").await;
    let mut requests =
        rates.queue_subscribe("svc.rates.v1.get", "q.rates".to_owned()).await.unwrap();
    rates.flush().await.unwrap();
    let caller = crate::cluster::client(project, "store").await;
    let asking = tokio::spawn(async move {
        loop {
            // Other nodes hear of a subscription a moment later.
            let inbox = caller.new_inbox();
            let mut answers = caller.subscribe(inbox.clone()).await.unwrap();
            let reply = inbox.clone();
            caller.publish_with_reply("svc.rates.v1.get", reply, "".into()).await.unwrap();
            let second = Duration::from_secs(1);
            let mut heard = Vec::new();
            while let Ok(Some(answer)) = tokio::time::timeout(second, answers.next()).await {
                heard.extend(answer.status.is_none().then_some(answer.payload));
            }
            if !heard.is_empty() {
                return heard;
            }
        }
    });
    let answering = async {
        while let Some(request) = requests.next().await {
            let reply = request.reply.unwrap();
            for text in ["once", "twice"] {
                rates.publish(reply.clone(), text.into()).await.unwrap();
            }
        }
    };
    let heard = tokio::select! {
        () = answering => unreachable!("it listens on"),
        heard = asking => heard.unwrap(),
    };
    assert_eq!(heard, ["once"]);
}

const ONLY_SERVES: &str = "services:
  rates:
    account: COMMERCE
    description: Tells what a currency is worth.
    serves: [{subject: svc.rates.v1.get, queue: q.rates}]
";

fn template<'a>(body: &'a mut AccountBody, role: &str) -> &'a mut Template {
    let keys = body.signing_keys.iter_mut();
    let mut scoped = keys.filter_map(|key| match key {
        SigningKey::Scoped(scoped) if scoped.role == role => Some(&mut scoped.template),
        _ => None,
    });
    scoped.next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_and_kinds_of_connections_are_the_servers_to_enforce() {
    let cluster = Cluster::idle();
    let project = &cluster.project;
    let limits = "    limits: {payload: 64 KiB}\n";
    let file = "catalog/commerce.yaml";
    project.edit(
        file,
        limits,
        &format!("{limits}    networks: [10.20.0.0/16]\n    connections: [standard, mqtt]\n"),
    );
    project.edit(file, "    limits: {payload: 32 KiB}\n", "    connections: [websocket]\n");
    // The checks know that one of them has no ordinary connection.
    project.run(&["apply", "local", "--yes"]).expect(0);
    let keys = Keys::of(project);
    let token = keys.index.document(&Document::account("COMMERCE")).unwrap();
    let mut claims: Claims<AccountBody> = decode(token).unwrap().claims;
    let webhook = template(&mut claims.nats, "payment-webhook").clone();
    // On one machine everybody comes from a loopback address.
    assert_eq!(webhook.networks, ["10.20.0.0/16", "127.0.0.0/8"]);
    assert_eq!(webhook.allowed_connection_types, ["STANDARD", "MQTT"]);
    assert_eq!(webhook.payload, 64 << 10);
    assert!(sign_in(project, "payment-webhook").await.is_ok());
    assert!(sign_in(project, "wallet").await.is_err());
    // The user itself carries none of it.
    let user = keys.index.document(&Document::user(&"payment-webhook".parse().unwrap())).unwrap();
    let user: Claims<serde_json::Value> = decode(user).unwrap().claims;
    let carried: Vec<&String> = user.nats.as_object().unwrap().keys().collect();
    assert_eq!(carried, ["issuer_account", "type", "version"]);

    let elsewhere = keys.changed_claims("COMMERCE", |body| {
        template(body, "payment-webhook").networks.retain(|network| network.starts_with("10."));
    });
    let control = keys.control(project).await;
    push(&control, &elsewhere, &servers(project).await).await.unwrap();
    assert!(sign_in(project, "payment-webhook").await.is_err(), "it comes from elsewhere");
}
