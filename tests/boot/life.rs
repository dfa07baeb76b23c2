//! The life of a machine: it boots, stores, loses its power, is replaced, and refuses what is not its own.

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use async_nats::jetstream::{self, stream};
use natsops::nats::{Connection, Health, Monitor};
use tokio::runtime::Runtime;

use super::cluster::{ADDRESS, NODE, Prod, ZONE};
use super::machine::{Attached, BOOT, Disk, Machine};
use super::network::{Network, Place, alone};
use super::root::Root;
use super::shell::Shell;
use super::tool::operate;

/// What is ours on the way to a healthy node may take so long on the machine's clock.
///
/// The aim is 5 s, and the figure is printed. What fails the test is three times that: a machine in software emulation is
/// as slow as whatever it runs on.
const OURS: f64 = 15_000.;

/// A text that is found again on the disk.
const TALE: &str = "the tale of the dragon under the bridge";

pub fn place(prod: &Prod) -> Place<'_> {
    Place {
        node: NODE,
        address: ADDRESS,
        zone: ZONE,
        mac: "02:00:00:00:03:0d",
        user_data: &prod.user_data,
    }
}

/// One environment for all of it: each boot in software takes a minute or two.
#[test]
#[ignore = "`make boot` runs it: it takes ten minutes"]
fn a_machine_boots_loses_its_power_is_replaced_and_refuses_a_foreign_disk() {
    let name = "boot::life::a_machine_boots_loses_its_power_is_replaced_and_refuses_a_foreign_disk";
    alone(name, life);
}

#[test]
#[ignore = "`make boot` runs it: it takes five minutes"]
fn a_machine_is_operated_without_being_reached() {
    alone("boot::life::a_machine_is_operated_without_being_reached", operated);
}

fn operated(root: &Root) {
    let (runtime, mut prod) = (Runtime::new().unwrap(), Prod::applied());
    let folder = tempfile::tempdir().unwrap();
    let mut scene = Scene { root, folder: folder.path(), network: Network::of(&place(&prod)) };
    let disk = Disk::empty(folder.path().join("data.img"), &prod.volume());
    let machine = scene.first_boot(&prod, &disk);
    healthy(&runtime);
    operate(&mut prod, &machine);
    healthy(&runtime);
    prod.aws.trusted();
}

fn life(root: &Root) {
    let (runtime, prod) = (Runtime::new().unwrap(), Prod::applied());
    let folder = tempfile::tempdir().unwrap();
    let mut scene = Scene { root, folder: folder.path(), network: Network::of(&place(&prod)) };
    let disk = Disk::empty(folder.path().join("data.img"), &prod.volume());

    let machine = scene.first_boot(&prod, &disk);
    healthy(&runtime);
    runtime.block_on(store(&prod, 200));
    scene.power_cut(&runtime, &prod, machine);
    assert!(holds(&disk, TALE), "the messages are not on the machine's own disk");

    scene.replacement(&runtime, &prod, &disk);
    scene.foreign_disk(&prod);
    prod.aws.trusted();
}

/// Where machines of a test live.
struct Scene<'a> {
    root: &'a Root,
    folder: &'a Path,
    network: Network,
}

impl Scene<'_> {
    /// A fresh root, with what AWS would tell such an instance.
    fn launch(&mut self, prod: &Prod, instance: &str, disk: (&Disk, Attached)) -> Machine {
        self.network.serve(self.folder, self.root, &prod.aws, (instance, &place(prod)));
        Machine::launch(&self.folder.join(instance), self.root, &place(prod), disk)
    }

    fn first_boot(&mut self, prod: &Prod, disk: &Disk) -> Machine {
        let mut machine = self.launch(prod, "i-00000000000000001", (disk, Attached::Before));
        machine.hear("wait for volume", BOOT);
        let before = machine.times();
        machine.hear("up ", BOOT);
        told("an empty disk", &machine);
        assert!(machine.said().iter().any(|line| line.ends_with("is empty and is formatted")));
        assert_eq!(machine.other.parts(), [], "it has written to a disk that is not the node's");
        within_limit(&machine, before);
        machine
    }

    /// Nothing is written that was not, and systemd alone brings the server back: the first boot's work is done once.
    fn power_cut(&self, runtime: &Runtime, prod: &Prod, mut machine: Machine) {
        machine.power_cut();
        wait_healthy(runtime, &machine);
        let seconds = machine.began.elapsed().as_secs();
        println!("power cut: healthy again after {seconds} s");
        assert_eq!(runtime.block_on(stored(prod)), 200);
        assert_eq!(machine.said(), Vec::<String>::new());
        // A server that ends by itself is told on the console, and comes back.
        let (code, said) = Shell::of(&machine).run("systemctl kill --signal KILL nats");
        assert_eq!((code, said.as_str()), (0, ""));
        let said = machine.hear("failed: ", BOOT);
        assert!(said.starts_with("failed: the server has ended (killed KILL) at 2"), "{said}");
        wait_healthy(runtime, &machine);
        machine.stop();
    }

    /// Another instance, another root, the same disk, which it gets when it runs already.
    fn replacement(&mut self, runtime: &Runtime, prod: &Prod, disk: &Disk) {
        let mut machine = self.launch(prod, "i-00000000000000002", (disk, Attached::Later));
        let said = machine.hear("volume ", BOOT);
        assert_eq!(said, format!("volume {} is not attached yet", prod.volume()));
        machine.attach(disk);
        machine.hear("up ", BOOT);
        told("a replaced machine", &machine);
        assert!(!machine.said().iter().any(|line| line.contains("formatted")));
        healthy(runtime);
        assert_eq!(runtime.block_on(stored(prod)), 200);
        machine.stop();
    }

    /// A disk that holds something, which is no file system and not at its beginning. Once it is empty, the next start of
    /// the machine does what the first could not.
    fn foreign_disk(&mut self, prod: &Prod) {
        let disk = Disk::empty(self.folder.join("foreign.img"), &prod.volume());
        let file = std::fs::OpenOptions::new().write(true).open(&disk.file).unwrap();
        file.write_all_at(b"somebody else's work", 3 << 30).unwrap();
        let before = disk.parts();
        let mut machine = self.launch(prod, "i-00000000000000003", (&disk, Attached::Before));
        let said = machine.hear("failed: ", BOOT);
        told("a foreign disk", &machine);
        let volume = prod.volume();
        let words = format!(
            "boot: prepare volume {volume}: volume {volume} holds something that is no file system, or can't be read; it is not touched"
        );
        assert_eq!(said, format!("failed: {words}"));
        assert_eq!(Shell::of(&machine).run("cat /var/lib/natsops/failed"), (0, words));
        assert_eq!(disk.parts(), before, "the disk has changed");
        file.write_all_at(&[0; 64], 3 << 30).unwrap();
        machine.power_cut();
        machine.hear("up ", BOOT);
        told("the disk is empty now", &machine);
        assert_ne!(disk.parts(), before);
        machine.stop();
    }
}

fn holds(disk: &Disk, text: &str) -> bool {
    let mut search = Command::new("grep");
    search.args(["--quiet", "--text", "--fixed-strings", text]).arg(&disk.file);
    search.status().unwrap().success()
}

/// Shows the way of a boot.
fn told(what: &str, machine: &Machine) {
    println!("{what}:");
    for line in machine.said() {
        println!("  {line}");
    }
}

/// The steps that are ours, downloads and waiting for others aside. `before` are the machine's times at their beginning:
/// what the host gave to others meanwhile is not counted, since a machine of its own has no such neighbours.
fn within_limit(machine: &Machine, before: [f64; 2]) {
    let said = machine.said();
    let steps = said.iter().filter_map(|line| line.strip_suffix(" ms")?.rsplit_once(' '));
    let ours = steps.filter(|(step, _)| {
        !["fetch", "healthy", "wait"].iter().any(|other| step.starts_with(other))
    });
    let times: Vec<f64> = ours.map(|(_, time)| time.parse().unwrap()).collect();
    let sum: f64 = times.iter().sum();
    let after = machine.times();
    let [ran, waited] = [after[0] - before[0], after[1] - before[1]];
    let own = sum * ran / (ran + waited);
    println!(
        "  ours: {sum} ms in {} steps, {own:.0} ms without the host's other work",
        times.len()
    );
    assert!(times.len() == 6 && own < OURS, "{said:?}");
}

fn monitor() -> Monitor {
    Monitor::new(format!("{ADDRESS}:8222").parse().unwrap())
}

fn healthy(runtime: &Runtime) {
    let health = runtime.block_on(monitor().health()).unwrap();
    assert_eq!(health, Health::Good);
}

fn wait_healthy(runtime: &Runtime, machine: &Machine) {
    // First it must be gone.
    std::thread::sleep(Duration::from_secs(5));
    while !runtime.block_on(monitor().health()).is_ok_and(|health| health == Health::Good) {
        assert!(machine.began.elapsed() < BOOT, "not healthy:\n{}", machine.console());
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// natsops' own way into an account.
async fn own(prod: &Prod) -> jetstream::Context {
    let connection: Connection = prod.bucket.connect("GAME", &format!("{ADDRESS}:4222")).await;
    jetstream::new(connection)
}

/// Makes the stream of the catalog, and stores messages as a service does.
async fn store(prod: &Prod, messages: usize) {
    let config = stream::Config {
        name: "GAME_WORLD".to_owned(),
        subjects: vec!["evt.quest.>".to_owned()],
        num_replicas: 3,
        max_bytes: 50_000_000_000,
        ..stream::Config::default()
    };
    let context = own(prod).await;
    // A server that has just started may not have read the account's claims yet.
    let begin = Instant::now();
    while let Err(error) = context.create_stream(config.clone()).await {
        assert!(begin.elapsed() < Duration::from_secs(60), "{error}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let service = jetstream::new(prod.service("quest-generator").await);
    for message in 0..messages {
        let sent = service.publish("evt.quest.generated.v1", format!("{message}: {TALE}").into());
        assert_eq!(sent.await.unwrap().await.unwrap().stream, "GAME_WORLD");
    }
}

/// How many messages the stream has; the machine must hold a current copy of it.
async fn stored(prod: &Prod) -> u64 {
    let context = own(prod).await;
    let mut found = String::new();
    for _ in 0..60 {
        let mut stream = context.get_stream("GAME_WORLD").await.unwrap();
        let info = stream.info().await.unwrap();
        let cluster = info.cluster.clone().unwrap();
        let follows =
            cluster.replicas.iter().any(|replica| replica.name == NODE && replica.current);
        if follows || cluster.leader.as_deref() == Some(NODE) {
            return info.state.messages;
        }
        found = format!("{cluster:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("{NODE} holds no current copy: {found}");
}
