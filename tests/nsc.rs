//! nsc, the reference tool for JWTs, reads what servers run and what clients get, and finds nothing wrong with it.
//!
//! nsc gets public tokens only: no seed ever reaches it, and nothing that it says may hold one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use natsops::jwt::{AccountBody, Claims, SigningKey, UserBody, decode, sign};
use natsops::secrets::{KeyName, SecretStore as _};

use crate::cluster::Keys;
use crate::support::{Cluster, Output, Project, holds_no_secret, package};

/// What nsc may say of tokens that are as they are meant, with the reason.
const EXPLAINED: [&str; 2] = [
    // After an import nsc offers accounts to a server whose address it looks for in the operator's claims. natsops
    // brings them to the servers itself, over the system account.
    "unable to push to \"game-local\" - operator doesn't set an account server url",
    "perform push/pull again or exchange self-signed JWT manually",
];

/// A store of nsc's, new and empty.
struct Nsc {
    program: PathBuf,
    home: tempfile::TempDir,
}

impl Nsc {
    fn new() -> Self {
        let program = package().join(".tools/bin/nsc");
        assert!(
            program.is_file(),
            "nsc is needed: install Go 1.25 or newer (https://go.dev/doc/install, or apt-get install golang-go where \
             that is new enough), then run `.ci/tools tests`"
        );
        Self { program, home: tempfile::tempdir().unwrap() }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.arg("--all-dirs").arg(self.home.path()).args(arguments);
        command.env_clear().env("HOME", self.home.path()).env("NSC_NO_GIT_IGNORE", "1");
        let output = command.stdin(Stdio::null()).output().unwrap();
        let output = Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        holds_no_secret(&output.stdout);
        holds_no_secret(&output.stderr);
        output
    }

    /// A token as a file.
    fn file(&self, name: &str, token: &str) -> String {
        let path = self.home.path().join(format!("{name}.jwt"));
        std::fs::write(&path, token).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Imports the operator and its accounts, as a server has them.
    fn import_accounts(&self, tokens: &Tokens) {
        let operator = self.file("operator", &tokens.operator);
        self.run(&["add", "operator", "--url", &operator]).expect(0);
        for (number, account) in tokens.accounts.iter().enumerate() {
            let file = self.file(&format!("account-{number}"), account);
            let output = self.run(&["import", "account", "--file", &file]).expect(0);
            let warnings = output.stderr.lines().filter(|line| line.starts_with("[WARN]"));
            let explained = |line: &&str| EXPLAINED.iter().any(|known| line.contains(known));
            let strange: Vec<&str> = warnings.filter(|line| !explained(line)).collect();
            assert!(strange.is_empty(), "{strange:?}");
        }
    }

    fn import_user(&self, name: &str, token: &str) -> Output {
        let file = self.file(name, token);
        self.run(&["import", "user", "--file", &file])
    }
}

/// Tokens as they are found outside of natsops.
struct Tokens {
    operator: String,
    accounts: Vec<String>,
}

impl Tokens {
    /// Those of a running server: its operator stands in its configuration, its accounts in its resolver.
    fn of(project: &Project) -> Self {
        let node = project.node("nats-1");
        let conf = std::fs::read_to_string(node.join("nats.conf")).unwrap();
        let operator = conf.lines().find_map(|line| line.strip_prefix("operator: \"")).unwrap();
        let files = std::fs::read_dir(node.join("data/jwt")).unwrap();
        let accounts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
        Self { operator: operator.trim_end_matches('"').to_owned(), accounts: accounts.collect() }
    }
}

/// The token of a creds file.
fn token(creds: &Path) -> String {
    let text = std::fs::read_to_string(creds).unwrap();
    let rest = text.split_once("-----BEGIN NATS USER JWT-----").unwrap().1;
    rest.split_once("-----").unwrap().0.trim().to_owned()
}

fn service_token(project: &Project, service: &str) -> String {
    let out = format!("creds/{service}");
    project.run(&["creds", "export", "local", service, "--out", &out]).expect(0);
    token(&project.path().join(out).join("user.creds"))
}

/// What nsc must show of each role: its name, and every entry of its permissions.
fn roles(accounts: &[String]) -> Vec<(String, String, Vec<String>)> {
    let mut roles = Vec::new();
    for account in accounts {
        let claims: Claims<AccountBody> = decode(account).unwrap().claims;
        for key in claims.nats.signing_keys {
            let SigningKey::Scoped(key) = key else { continue };
            let (publish, subscribe) = (key.template.publish, key.template.subscribe);
            let entries = [publish.allow, publish.deny, subscribe.allow, subscribe.deny].concat();
            roles.push((claims.name.clone(), key.role, entries));
        }
    }
    roles
}

#[test]
fn nsc_finds_nothing_wrong_with_operator_accounts_and_users() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let (nsc, tokens) = (Nsc::new(), Tokens::of(project));
    nsc.import_accounts(&tokens);
    let services = project.run(&["services", "list", "local", "--json"]).expect(0).json();
    let services = services["services"].as_array().unwrap();
    assert_eq!(services.len(), 22);
    for service in services {
        let name = service["name"].as_str().unwrap();
        let output = nsc.import_user(name, &service_token(project, name)).expect(0);
        assert!(!output.stderr.contains("[WARN]"), "{}", output.stderr);
    }
    project.run(&["render", "local", "--leafnode", "edge-eu", "--out", "edge"]).expect(0);
    nsc.import_user("edge-eu", &token(&project.path().join("edge/leafnode.creds"))).expect(0);

    let report = nsc.run(&["validate", "--all-accounts"]).expect(0);
    let report = report.stdout + &report.stderr;
    let clean = report.matches("No issues found").count();
    assert_eq!(clean, 1 + tokens.accounts.len(), "{report}");

    // It reads what was meant: each user's role, with every entry of its permissions.
    let roles = roles(&tokens.accounts);
    for service in services {
        let (name, account) =
            (service["name"].as_str().unwrap(), service["account"].as_str().unwrap());
        let shown = nsc.run(&["describe", "user", "--account", account, "--name", name]).expect(0);
        let shown = shown.stdout + &shown.stderr;
        let of = |(a, role, _): &&(String, String, Vec<String>)| a == account && role == name;
        let (_, _, entries) = roles.iter().find(of).unwrap();
        for entry in entries {
            assert!(shown.contains(&format!("| {entry} ")), "{name}: {entry}\n{shown}");
        }
    }
}

#[test]
fn nsc_refuses_what_is_not_as_it_was_signed() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let (nsc, tokens) = (Nsc::new(), Tokens::of(project));
    nsc.import_accounts(&tokens);
    let good = service_token(project, "wallet");
    let refused = |name: &str, token: &str, reason: &str| {
        let output = nsc.import_user(name, token).expect(1);
        assert!(output.stderr.contains(reason), "{name}: {}", output.stderr);
    };

    let (content, signature) = good.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    refused("broken", &format!("{content}.{other}{}", &signature[1..]), "signature verification");

    let keys = Keys::of(project);
    let claims = || -> Claims<UserBody> { decode(&good).unwrap().claims };
    let signed = |claims: Claims<UserBody>, role: &KeyName| {
        let claims = Claims { iss: keys.index.public(role).unwrap().to_owned(), ..claims };
        sign(claims, &keys.store.open(role).unwrap()).unwrap()
    };
    let stranger = signed(claims(), &KeyName::role("PLAYERS", "chat"));
    refused("stranger", &stranger, "can only import user signed by");

    let expired = Claims { exp: Some(claims().iat), ..claims() };
    let expired = signed(expired, &KeyName::role("COMMERCE", "wallet"));
    refused("expired", &expired, "claim is expired");

    // The same in a store that has it already.
    nsc.import_user("wallet", &good).expect(0);
    nsc.run(&["validate", "--all-accounts"]).expect(0);
    let stored = find(nsc.home.path(), "wallet.jwt");
    std::fs::write(stored, &expired).unwrap();
    let report = nsc.run(&["validate", "--all-accounts"]).expect(1);
    assert!((report.stdout + &report.stderr).contains("claim is expired"));
}

/// A user's token in the store of nsc.
fn find(folder: &Path, name: &str) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.ends_with(format!("users/{name}")) {
                return path;
            }
        }
    }
    panic!("{name} is not in the store")
}

#[test]
fn nsc_works_with_the_exported_folders_and_they_are_taken_over_again() {
    let cluster = Cluster::applied();
    let project = &cluster.project;
    let before = Keys::of(project).index;
    project.run(&["keys", "export", "local", "--nsc", "nsc", "--yes"]).expect(0);
    let folder = project.path().join("nsc");
    let nsc = |arguments: &[&str]| {
        let mut command = Command::new(package().join(".tools/bin/nsc"));
        command.arg("--all-dirs").arg(&folder).args(arguments).env_clear();
        command.env("HOME", project.path().join("home")).env("NSC_NO_GIT_IGNORE", "1");
        Output::of(&command.stdin(Stdio::null()).output().unwrap())
    };
    nsc(&["select", "operator", "game-local"]).expect(0);
    let report = nsc(&["validate", "--all-accounts"]).expect(0);
    let report = report.stdout + &report.stderr;
    assert_eq!(report.matches("No issues found").count(), 1 + 6, "{report}");
    // It holds the seeds that it needs to sign: a scoped key makes a user.
    let account = ["add", "user", "--account", "COMMERCE", "--name", "visitor", "-K", "wallet"];
    nsc(&account).expect(0);
    for seed in find_all(&folder, "nk") {
        let mode = std::os::unix::fs::PermissionsExt::mode(&seed.metadata().unwrap().permissions());
        assert_eq!(mode & 0o77, 0, "{}", seed.display());
    }

    // Another project takes over what has a name in its catalog; the visitor has none.
    let taken = Project::new();
    let mut command = taken.command(&["keys", "import", "local", "--json", "--nsc"]);
    natsops::secrets::ensure_identity(&taken.identity()).unwrap();
    let output = Output::of(&command.arg(&folder).output().unwrap()).expect(0).json();
    assert_eq!(output["left_out"].as_array().unwrap().len(), 1, "{output}");
    let keys = Keys::of(&taken);
    let nkeys = before.keys.iter().filter(|(name, _)| {
        !matches!(
            name.kind(),
            natsops::secrets::KeyKind::Certificate | natsops::secrets::KeyKind::Password
        )
    });
    for (name, entry) in nkeys {
        assert_eq!(keys.index.public(name), Some(entry.public.as_str()), "{name}");
        assert!(keys.store.open(name).is_ok(), "{name}");
    }
    let plan = taken.run(&["plan", "local", "--json"]).expect(0).json();
    let resigned: Vec<&str> = plan["plan"]["actions"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|action| action["id"]["kind"] == "jwt" && action["action"] != "keep")
        .map(|action| action["id"]["name"].as_str().unwrap())
        .filter(|name| !name.starts_with("activation/"))
        .collect();
    assert_eq!(resigned, Vec::<&str>::new());
}

/// Every file below a folder that ends so.
fn find_all(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(find_all(&path, extension));
        } else if path.extension().is_some_and(|e| e == extension) {
            found.push(path);
        }
    }
    found
}
