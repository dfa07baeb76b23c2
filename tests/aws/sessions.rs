//! The way to machines that nobody can reach, through sessions of Systems Manager.
//!
//! AWS's session-manager-plugin is a program of AWS's own, speaks to AWS's data channels alone, and can't be installed here.
//! A small program stands in for it, with the same arguments and the same variable: it proves what natsops hands over and
//! ends, and forwards to a real nats-server. That the real one takes the same is AWS's documentation.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bundles::FETCH;
use super::emulator::python;
use super::stage::Stage;
use crate::support::{Output, nats_server};

/// The address of nats-3, and where its server really listens; its certificate holds `localhost`, as every node's does.
const ADDRESS: &str = "10.0.3.13";
const HOST: &str = "127.78.3.13";

/// Notes what it is given, and forwards a port of the address that it is given, or says that it is a shell.
const STAND_IN: &str = r#"
import json, os, socket, sys, threading
if sys.argv[1:] == ['--version']:
    print(os.environ.get('STAND_IN_VERSION', '1.2.707.0'))
    sys.exit()
response = json.loads(os.environ['AWS_SSM_START_SESSION_RESPONSE'])
with open(os.environ['STAND_IN_NOTE'], 'w') as note:
    json.dump({'arguments': sys.argv[1:], 'response': response}, note)
request = json.loads(sys.argv[5])
if 'Parameters' not in request:
    print('a shell on', request['Target'])
    sys.exit(7)
def copy(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
    except OSError:
        pass
[host] = request['Parameters']['host']
listener = socket.create_server(('127.0.0.1', int(request['Parameters']['localPortNumber'][0])))
print('Waiting for connections...')
while True:
    here, _ = listener.accept()
    there = socket.create_connection((json.loads(os.environ['STAND_IN_HOSTS'])[host], int(request['Parameters']['portNumber'][0])))
    for pair in ((here, there), (there, here)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
"#;

/// A client as any: it checks the name in the certificate, shows its own, signs in with its creds, and asks for a pong.
const TOOL: &str = r#"
import base64, json, os, socket, ssl
from urllib.parse import urlparse
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
url = urlparse(os.environ['NATS_URL'])
plain = socket.create_connection((url.hostname, url.port))
info = json.loads(plain.recv(65536).split(b' ', 1)[1])
context = ssl.create_default_context(cafile=os.environ['NATS_CA'])
context.load_cert_chain(os.environ['NATS_CERT'], os.environ['NATS_KEY'])
stream = context.wrap_socket(plain, server_hostname=url.hostname)
lines = open(os.environ['NATS_CREDS']).read().splitlines()
jwt = lines[[n for n, line in enumerate(lines) if 'BEGIN NATS USER JWT' in line][0] + 1]
seed = lines[[n for n, line in enumerate(lines) if 'BEGIN USER NKEY SEED' in line][0] + 1]
raw = base64.b32decode(seed + '=' * (-len(seed) % 8))[2:34]
signed = Ed25519PrivateKey.from_private_bytes(raw).sign(info['nonce'].encode())
connect = {'jwt': jwt, 'sig': base64.urlsafe_b64encode(signed).decode().rstrip('='), 'verbose': False, 'pedantic': False, 'tls_required': True, 'name': 'tool', 'lang': 'python', 'version': '1', 'protocol': 1}
stream.sendall(b'CONNECT ' + json.dumps(connect).encode() + b'\r\nPING\r\n')
answer = b''
while b'PONG' not in answer and b'-ERR' not in answer:
    answer += stream.recv(65536)
print(info['server_name'], url.hostname, 'PONG' if b'PONG' in answer else answer)
"#;

/// A server that ends with this value.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A stage with a server behind nobody's door, and a stand-in on the path.
struct Scene {
    stage: Stage,
    folder: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let stage = Stage::applied();
        let folder = stage.project.path().join("sessions");
        std::fs::create_dir(&folder).unwrap();
        let script = format!("#!{}\n{STAND_IN}", python().display());
        let plugin = folder.join("session-manager-plugin");
        std::fs::write(&plugin, script).unwrap();
        std::fs::set_permissions(&plugin, PermissionsExt::from_mode(0o755)).unwrap();
        Self { stage, folder }
    }

    /// An agent runs on the machine of a node.
    fn agent(&self, node: &str) -> String {
        let id = self.stage.by_hand(&format!("print(instance('{node}'))"));
        self.stage.aws.post("agent", &json!({ "instance": id }));
        id
    }

    /// The server of nats-3, from what its machine would fetch, at an address of this machine.
    fn server(&self) -> Server {
        let folder = self.folder.join("nats-3");
        std::fs::create_dir_all(folder.join("log")).unwrap();
        let fetch = ["-c", FETCH, "nats-3", folder.to_str().unwrap()];
        let mut command = Command::new(python());
        assert!(command.args(fetch).envs(self.stage.aws.variables()).status().unwrap().success());
        let current = std::fs::read_to_string(folder.join("current")).unwrap();
        let bundle = current.lines().next().unwrap().split_once("  ").unwrap().1.to_owned();
        let tar = Command::new("tar").args(["-xf", &bundle]).current_dir(&folder).status();
        assert!(tar.unwrap().success());
        let config = std::fs::read_to_string(folder.join("nats.conf")).unwrap();
        let config = config.replace(ADDRESS, HOST);
        // This machine has no disk for production.
        let config = config.replace("max_file_store: 425000000000", "max_file_store: 1000000");
        std::fs::write(folder.join("nats.conf"), config).unwrap();
        let mut command = Command::new(nats_server());
        command.args(["-c", "nats.conf"]).current_dir(&folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server(command.spawn().unwrap());
        let begin = Instant::now();
        while std::net::TcpStream::connect((HOST, 4222)).is_err() {
            assert!(begin.elapsed() < Duration::from_secs(20), "the server does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    fn run(&self, arguments: &[&str], version: &str) -> Output {
        let mut command = self.stage.command(arguments);
        let path =
            std::env::join_paths([self.folder.as_path(), "/usr/bin".as_ref(), "/bin".as_ref()]);
        command.env("PATH", path.unwrap());
        command.env("STAND_IN_HOSTS", json!({ ADDRESS: HOST }).to_string());
        command.env("STAND_IN_NOTE", self.note()).env("STAND_IN_VERSION", version);
        Output::of(&command.output().unwrap())
    }

    fn note(&self) -> PathBuf {
        self.folder.join("note.json")
    }

    /// What the plugin was given. What joins the session stood in no argument, and the session has ended.
    #[track_caller]
    fn handed_over(&self) -> Vec<String> {
        let note: Value = serde_json::from_slice(&std::fs::read(self.note()).unwrap()).unwrap();
        let sessions = self.stage.aws.get("sessions");
        let id = note["response"]["SessionId"].as_str().unwrap();
        let session = &sessions[id];
        assert_eq!(note["response"]["TokenValue"], session["token"]);
        assert!(note["response"]["StreamUrl"].as_str().unwrap().starts_with("wss://"));
        assert_eq!(session["state"], "Terminated");
        let arguments: Vec<String> = serde_json::from_value(note["arguments"].clone()).unwrap();
        assert!(!arguments.join(" ").contains(session["token"].as_str().unwrap()));
        arguments
    }
}

#[test]
fn a_tool_comes_in_through_a_session() {
    let scene = Scene::new();
    // The first machine whose agent answers is taken.
    let id = scene.agent("nats-3");
    let _server = scene.server();
    let tool = scene.folder.join("tool.py");
    std::fs::write(&tool, TOOL).unwrap();
    let python = python();
    let words = ["nats", "prod", "--", python.to_str().unwrap(), tool.to_str().unwrap()];
    let output = scene.run(&words, "1.2.707.0").expect(0);
    assert_eq!(output.stdout, "nats-3 localhost PONG\n", "{}", output.stderr);
    assert!(output.stderr.contains("session of Systems Manager to nats-3"), "{}", output.stderr);
    let arguments = scene.handed_over();
    assert_eq!(arguments[..4], ["AWS_SSM_START_SESSION_RESPONSE", "us-east-1", "StartSession", ""]);
    let request: Value = serde_json::from_str(&arguments[4]).unwrap();
    assert_eq!(request["Target"], id);
    assert_eq!(request["DocumentName"], "AWS-StartPortForwardingSessionToRemoteHost");
    assert_eq!(request["Parameters"]["host"], json!([ADDRESS]));
    assert_eq!(request["Parameters"]["portNumber"], json!(["4222"]));
    assert_eq!(arguments[5], "https://ssm.us-east-1.amazonaws.com");

    // The tool's own exit code, and the session has ended all the same.
    scene.run(&["nats", "prod", "--", "sh", "-c", "exit 9"], "1.2.707.0").expect(9);
    scene.handed_over();
    let sessions = scene.stage.aws.get("sessions");
    assert!(sessions.as_object().unwrap().values().all(|one| one["state"] == "Terminated"));
    scene.stage.aws.trusted();
}

#[test]
fn a_shell_opens_on_a_machine_through_a_session() {
    let scene = Scene::new();
    let shell = ["node", "shell", "prod", "nats-2"];
    let refused = scene.run(&shell, "1.2.707.0").expect(1).stderr;
    assert!(refused.contains("TargetNotConnected"), "{refused}");
    let id = scene.agent("nats-2");
    let output = scene.run(&shell, "1.2.707.0").expect(7);
    assert_eq!(output.stdout, format!("a shell on {id}\n"));
    let arguments = scene.handed_over();
    assert_eq!(arguments[4], json!({ "Target": id }).to_string());
    scene.stage.aws.post("deny", &json!(["ssm:StartSession"]));
    let refused = scene.run(&shell, "1.2.707.0").expect(4).stderr;
    assert!(refused.contains("natsops policy prod operate"), "{refused}");
    let local = scene.stage.run(&["node", "shell", "local", "nats-1"]).expect(64).stderr;
    assert!(local.contains("natsops logs local nats-1"), "{local}");
    scene.stage.aws.trusted();
}

#[test]
fn without_the_plugin_or_with_an_old_one_it_is_said_what_to_do() {
    let scene = Scene::new();
    let words = ["nats", "prod", "--", "true"];
    let missing = scene.stage.run(&words).expect(1).stderr;
    let old = scene.run(&words, "1.2.331.0").expect(1).stderr;
    assert!(missing.contains("session-manager-plugin is not installed"), "{missing}");
    assert!(old.contains("1.2.331.0 is too old"), "{old}");
    for said in [&missing, &old] {
        for words in
            ["install AWS's session-manager-plugin", "4222 and 8222", "nothing was changed"]
        {
            assert!(said.contains(words), "{said}");
        }
    }
    // A shell always comes through a session, wherever it is opened.
    let missing = scene.stage.run(&["node", "shell", "prod", "nats-2"]).expect(1).stderr;
    for words in
        ["a shell on nats-2 needs", "is not installed", "natsops node run prod nats-2 status"]
    {
        assert!(missing.contains(words), "{missing}");
    }
    assert!(!missing.contains("4222"), "{missing}");
    assert_eq!(scene.stage.aws.get("sessions"), json!({}));
}

/// A session that leads to no server is ended.
#[test]
fn a_session_that_leads_nowhere_is_ended() {
    let scene = Scene::new();
    scene.agent("nats-1");
    let mut command = scene.stage.command(&["nats", "prod", "--", "true"]);
    let path = std::env::join_paths([scene.folder.as_path(), "/usr/bin".as_ref(), "/bin".as_ref()]);
    // The plugin can't note anything, and ends.
    command.env("PATH", path.unwrap()).env("STAND_IN_NOTE", "/nowhere/note");
    let output = Output::of(&command.output().unwrap()).expect(1);
    assert!(output.stderr.contains("session-manager-plugin ended"), "{}", output.stderr);
    let sessions = scene.stage.aws.get("sessions");
    assert!(sessions.as_object().unwrap().values().all(|one| one["state"] == "Terminated"));
}
