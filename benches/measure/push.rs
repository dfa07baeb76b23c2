//! Claims of a thousand accounts on their way to five servers, against `nsc push -A` to the same servers.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use natsops::artifacts::{short_lived_client, short_lived_user, trusted};
use natsops::jwt::{AccountBody, Claims, SigningKey, decode, sign};
use natsops::nats::{Access, Control, lookup, push};
use natsops::secrets::{Document, KeyName, OsEntropy, SealedDirectory, SecretStore as _};

use super::cluster::{address, monitor};
use super::crowd;
use super::project::{Project, package};

const ACCOUNTS: usize = 1000;

/// nsc waits about a second for each account, so it gets fewer.
const ACCOUNTS_OF_NSC: usize = 20;

/// Each token is checked, pushed, and looked up on every server afterwards.
pub fn measure() {
    let project = Project::new();
    crowd::of_accounts(&project, ACCOUNTS);
    let (applied, _) = project.run(&["apply", "local", "--yes", "--json"]);
    let ours = Duration::from_secs_f64(applied["phases"]["claims"].as_f64().unwrap());
    let nsc = package().join(".tools/bin/nsc");
    let floor = nsc.is_file().then(|| measure_nsc(&project, &nsc));
    let each = ours / u32::try_from(ACCOUNTS).unwrap();
    print!(
        "push of {ACCOUNTS} account JWTs to five servers: natsops {ours:.1?}, {each:.1?} each; "
    );
    match floor {
        Some(floor) => println!(
            "nsc push -A {floor:.1?} each ({ACCOUNTS_OF_NSC} accounts), {:.0} times as long",
            floor.as_secs_f64() / each.as_secs_f64()
        ),
        None => println!("nsc is not there to compare with (`.ci/tools tests` builds it with Go)"),
    }
}

/// How long nsc takes for an account.
fn measure_nsc(project: &Project, nsc: &Path) -> Duration {
    project.run(&["keys", "export", "local", "--nsc", "nsc", "--yes"]);
    project.run(&["creds", "export", "local", "store", "--out", "store"]);
    let store = project.path().join("nsc");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(nsc);
        command.arg("--all-dirs").arg(&store).args(arguments).env_clear();
        command.env("HOME", project.path().join("home")).env("NSC_NO_GIT_IGNORE", "1");
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(output.status.success(), "{text}");
        text
    };
    run(&["select", "operator", "game-local"]);
    let accounts = store.join("game-local/accounts");
    let system = open_inbox(project);
    std::fs::write(accounts.join("SYS/SYS.jwt"), system).unwrap();
    run(&["add", "user", "--account", "SYS", "--name", "pusher", "-K", "natsops"]);
    for entry in std::fs::read_dir(&accounts).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let number = name.strip_prefix("CROWD_").map(|number| number.parse::<usize>().unwrap());
        if name != "SYS" && number.is_none_or(|number| number >= ACCOUNTS_OF_NSC) {
            std::fs::remove_dir_all(accounts.join(name)).unwrap();
        }
    }
    let url = format!("nats://{}", address(project, 1));
    let file = |name: &str| project.path().join("store").join(name).display().to_string();
    let (ca, certificate, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
    let tls = ["--ca-cert", &ca, "--client-cert", &certificate, "--client-key", &key];
    let who = ["--system-account", "SYS", "--system-user", "pusher"];
    let begin = Instant::now();
    let said = run(&[&["push", "-A", "-u", &url][..], &tls, &who].concat());
    let elapsed = begin.elapsed();
    assert!(said.contains("CROWD_0"), "{said}");
    elapsed / u32::try_from(ACCOUNTS_OF_NSC + 1).unwrap()
}

/// Lets users of the system account have any inbox, as nsc needs it; gives the claims that the servers took.
fn open_inbox(project: &Project) -> String {
    let secrets = project.path().join(".natsops/local/secrets");
    let store = SealedDirectory::new(secrets, project.path().join("identity.age"), &[]);
    let index = store.index().unwrap();
    let document = Document::account("SYS");
    let mut claims: Claims<AccountBody> =
        decode(index.document(&document).unwrap()).unwrap().claims;
    for key in &mut claims.nats.signing_keys {
        let SigningKey::Scoped(key) = key else { continue };
        key.template.subscribe.allow.push("_INBOX.>".to_owned());
    }
    claims.iat += 1;
    let account = claims.sub.clone();
    let token = sign(claims, &store.open(&KeyName::operator_signing(1)).unwrap()).unwrap();
    let now = jiff::Timestamp::now();
    let user = short_lived_user("SYS", &index, &store, &OsEntropy, now).unwrap();
    let access = Access {
        servers: (1..=5).map(|number| address(project, number)).collect(),
        authority: trusted(&index).unwrap(),
        certificate: short_lived_client(&index, &store, &OsEntropy, now).unwrap(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut servers = Vec::new();
        for number in 1..=5 {
            servers.push(monitor(project, number).varz().await.unwrap());
        }
        let control = Control { connection: access.connect(&user).await.unwrap(), servers: 5 };
        // The role's permissions change, so servers close the connection of whoever brings that; it is looked up anew.
        push(&control, &token, &servers).await.ok();
        let control = Control { connection: access.connect(&user).await.unwrap(), servers: 5 };
        let held = lookup(&control, &account).await.unwrap().tokens;
        assert!(held.len() == 5 && held.iter().all(|held| *held == token), "it was not taken");
    });
    token
}
