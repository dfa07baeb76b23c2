//! What `nats-server -t` lets through, tried on the server itself: it calls each of these mistakes valid, and the lint names it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use natsops::model::Period;
use natsops::pki::{CertificateKey, Lifetime, Purpose, issue, issue_authority};
use natsops::render::CONFIG_LINTS;
use natsops::secrets::{Entropy as _, KeyName, StandIn};
use serde_json::Value;

use crate::support::{Project, nats_server};

/// A configuration without a mistake, as somebody might write it by hand. Ports are put in by [`Folder`].
const GOOD: &str = r#"
server_name: a
listen: 127.0.0.1:PORT0
http: 127.0.0.1:PORT1   # monitoring
server_tags: ["az:a"]
tls {
  cert_file: './node.pem'
  key_file:  './node.key'
  ca_file:   './ca.pem'
  verify: true
}
cluster {
  name: c
  listen: 127.0.0.1:PORT2
  tls { cert_file: "node.pem", key_file: "node.key", ca_file: "ca.pem" }
}
jetstream {
  store_dir: data
  max_file_store: 1MB
  unique_tag: "az:"
}
"#;

/// What becomes of the server.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    /// It exits at once.
    Exits,
    /// It would run, and do something else than the file says.
    Runs,
}

/// A mistake, made in [`GOOD`].
struct Mistake {
    lint: &'static str,
    from: &'static str,
    to: &'static str,
    fate: Fate,
}

const fn mistake(lint: &'static str, from: &'static str, to: &'static str, fate: Fate) -> Mistake {
    Mistake { lint, from, to, fate }
}

const MISTAKES: [Mistake; 20] = [
    mistake(
        "grace-beyond-lame-duck",
        "server_name: a\n",
        "server_name: a\nlame_duck_duration: \"30s\"\nlame_duck_grace_period: \"30s\"\n",
        Fate::Exits,
    ),
    mistake(
        "payload-beyond-pending",
        "server_name: a\n",
        "server_name: a\nmax_payload: 2MB\nmax_pending: 1MB\n",
        Fate::Exits,
    ),
    mistake(
        "operator-without-resolver",
        "server_name: a\n",
        "server_name: a\nOPERATOR\n",
        Fate::Exits,
    ),
    mistake(
        "operator-with-accounts",
        "server_name: a\n",
        "server_name: a\nOPERATOR\nresolver: MEMORY\naccounts { A { jetstream: enabled } }\n",
        Fate::Exits,
    ),
    mistake("port-shared", "127.0.0.1:PORT1", "127.0.0.1:PORT0", Fate::Exits),
    mistake("server-without-name", "server_name: a\n", "", Fate::Exits),
    mistake("cluster-without-name", "  name: c\n", "", Fate::Exits),
    mistake("store-unwritable", "store_dir: data", "store_dir: /dev/null/data", Fate::Exits),
    mistake("certificate-expired", "./node.pem", "./old.pem", Fate::Runs),
    mistake("certificate-expired", "./ca.pem", "./old.pem", Fate::Runs),
    mistake("certificate-usage", "\"node.pem\"", "\"serves.pem\"", Fate::Runs),
    mistake("certificate-usage", "\"node.pem\"", "\"calls.pem\"", Fate::Runs),
    mistake("certificate-usage", "./node.pem", "./calls.pem", Fate::Runs),
    mistake("verify-without-authority", "  ca_file:   './ca.pem'\n", "", Fate::Runs),
    mistake("unique-tag-unmatched", "[\"az:a\"]", "[\"zone:a\"]", Fate::Runs),
    mistake(
        "repeated-setting",
        "jetstream {\n",
        "max_payload: 1MB\nmax_payload: 2MB\njetstream {\n",
        Fate::Runs,
    ),
    mistake("cipher-without-key", "unique_tag:", "cipher: aes\n  unique_tag:", Fate::Runs),
    mistake("storage-beyond-disk", "1MB", "900TB", Fate::Runs),
    mistake("store-in-tmp", "  store_dir: data\n", "", Fate::Runs),
    mistake(
        "include-unread",
        "server_name: a\n",
        "server_name: a\ninclude ./more.conf\n",
        Fate::Runs,
    ),
];

/// A folder with a configuration and everything that it names.
struct Folder {
    project: Project,
    operator: String,
    ports: [u16; 3],
}

impl Folder {
    fn new() -> Self {
        let project = Project::new();
        project.run(&["render", "local", "--out", "out", "--stand-in-keys"]).expect(0);
        let rendered = project.path().join("out/nodes/nats-1/nats.conf");
        let rendered = std::fs::read_to_string(rendered).unwrap();
        let operator = rendered.lines().find(|line| line.starts_with("operator: ")).unwrap();
        let folder = Self { operator: operator.to_owned(), ports: free_ports(), project };
        folder.certificates();
        std::fs::write(folder.path().join("more.conf"), "debug: false\n").unwrap();
        folder
    }

    fn path(&self) -> &Path {
        self.project.path()
    }

    fn certificates(&self) {
        let key = |name: &str| {
            CertificateKey::from_bytes(&StandIn::new(name).bytes(&KeyName::authority()))
        };
        let (own, authority_key) = (key("node"), key("authority"));
        let now = Timestamp::now();
        let lifetime = |now| Lifetime { now, validity: Period::days(10) };
        let authority = issue_authority("test authority", &authority_key, lifetime(now)).unwrap();
        let long_ago = now - jiff::SignedDuration::from_hours(24 * 30);
        let make = |purpose, when| {
            let signer = (authority.as_str(), &authority_key);
            issue(signer, purpose, "a", &["localhost".to_owned()], &own, lifetime(when)).unwrap()
        };
        for (name, text) in [
            ("ca.pem", authority.clone()),
            ("node.pem", make(Purpose::Node, now)),
            ("calls.pem", make(Purpose::Client, now)),
            ("old.pem", make(Purpose::Node, long_ago)),
            ("serves.pem", serves_only(&own)),
            ("node.key", own.to_pem().expose().clone()),
        ] {
            std::fs::write(self.path().join(name), text).unwrap();
        }
    }

    /// Writes a configuration.
    fn write(&self, text: &str) {
        let mut text = text.replace("OPERATOR", &self.operator);
        for (index, port) in self.ports.iter().enumerate() {
            text = text.replace(&format!("PORT{index}"), &port.to_string());
        }
        std::fs::write(self.path().join("nats.conf"), text).unwrap();
    }

    /// What the lint finds.
    fn lint(&self) -> Value {
        let output = self.project.run(&["lint", "--config", "nats.conf", "--json"]);
        let found = output.json();
        let open = found["findings"].as_array().unwrap().len();
        assert_eq!(output.code, if open == 0 { 0 } else { 5 }, "{found:#}");
        found
    }

    fn server(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(nats_server());
        let home = self.path().join("home");
        command.args(["-c", "nats.conf"]).args(arguments).current_dir(self.path());
        command.env("HOME", home).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Whether `nats-server -t` calls it valid.
    fn server_calls_it_valid(&self) -> bool {
        let output = self.server(&["-t"]).output().unwrap();
        eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        output.status.success()
    }

    /// Whether the server exits by itself, with an error, when it is started.
    fn server_exits(&self) -> bool {
        let mut server = self.server(&[]).stderr(Stdio::null()).spawn().unwrap();
        let ended = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            server.try_wait().unwrap().is_some()
        });
        if !ended {
            server.kill().unwrap();
        }
        let status = server.wait().unwrap();
        ended && !status.success()
    }
}

/// A certificate that may serve and may not be a client's, as many are bought.
fn serves_only(key: &CertificateKey) -> String {
    let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    params.self_signed(key).unwrap().pem()
}

fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

fn ids(found: &Value) -> Vec<&str> {
    let findings = found["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["id"].as_str().unwrap()).collect()
}

#[test]
fn the_server_calls_each_mistake_valid_and_the_lint_names_it() {
    let folder = Folder::new();
    folder.write(GOOD);
    assert!(folder.server_calls_it_valid());
    assert_eq!(ids(&folder.lint()), Vec::<&str>::new());
    for mistake in &MISTAKES {
        assert!(GOOD.contains(mistake.from), "{}", mistake.from);
        folder.write(&GOOD.replacen(mistake.from, mistake.to, 1));
        assert!(folder.server_calls_it_valid(), "{}: -t finds it by itself", mistake.lint);
        let found = folder.lint();
        assert_eq!(ids(&found), [mistake.lint], "{} -> {}: {found:#}", mistake.from, mistake.to);
        if mistake.fate == Fate::Exits {
            assert!(folder.server_exits(), "{}: the server runs", mistake.lint);
        }
    }
}

#[test]
fn every_lint_is_provoked() {
    for lint in CONFIG_LINTS {
        let provoked = MISTAKES.iter().any(|mistake| mistake.lint == lint.id);
        assert!(provoked || lint.id == "certificate-unreadable", "{}", lint.id);
    }
}

#[test]
fn a_finding_has_its_line_and_its_remedy() {
    let folder = Folder::new();
    folder.write(&GOOD.replace("\"az:a\"", "\"zone:a\""));
    let found = folder.lint();
    assert_eq!(found["findings"][0]["line"], 20);
    assert_eq!(found["findings"][0]["severity"], "error");
    let output = folder.project.run(&["lint", "--config", "nats.conf"]).expect(5);
    assert!(
        output.stdout.contains("error[unique-tag-unmatched] nats.conf:20: "),
        "{}",
        output.stdout
    );
    assert!(output.stdout.contains("help: add one"), "{}", output.stdout);
    assert!(
        output.stderr.contains("natsops lint --explain unique-tag-unmatched"),
        "{}",
        output.stderr
    );
}

#[test]
fn a_certificate_that_is_not_there_is_named_and_not_passed_over() {
    let folder = Folder::new();
    folder.write(&GOOD.replace("./ca.pem", "./gone.pem"));
    assert_eq!(ids(&folder.lint()), ["certificate-unreadable"]);
    folder.write(&GOOD.replace("./ca.pem", "./node.key"));
    assert_eq!(ids(&folder.lint()), ["certificate-unreadable"]);
}

#[test]
fn what_is_no_configuration_is_refused() {
    let folder = Folder::new();
    folder.write("tls {");
    let output = folder.project.run(&["lint", "--config", "nats.conf"]).expect(3);
    assert!(output.stderr.contains("line 1"), "{}", output.stderr);
    folder.project.run(&["lint", "--config", "nothing.conf"]).expect(1);
}

#[test]
fn our_own_configurations_have_no_finding_but_the_disk() {
    let project = Project::new();
    project.run(&["render", "local", "--out", "out", "--stand-in-keys"]).expect(0);
    for node in 1..=5 {
        let file = format!("out/nodes/nats-{node}/nats.conf");
        let found = project.run(&["lint", "--config", &file, "--json"]).json();
        // How large this machine's disk is says nothing about the template, and stand-in papers grow old.
        let others = ["storage-beyond-disk", "certificate-expired"];
        let left: Vec<&str> = ids(&found).into_iter().filter(|id| !others.contains(id)).collect();
        assert_eq!(left, Vec::<&str>::new(), "{found:#}");
    }
}
