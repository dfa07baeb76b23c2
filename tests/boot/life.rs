//! The life of a machine: it boots, stores, loses its power, is replaced, and refuses what is not its own.

use std::time::Duration;

use async_nats::jetstream::{self, stream};
use natsops::nats::{Connection, Health, Monitor};
use tokio::runtime::Runtime;

use super::cluster::{ADDRESS, NODE, Prod, ZONE};
use super::machine::{BOOT, Disk, Machine, file_of};
use super::network::{Network, Place, alone};
use super::root::Root;

/// What is ours on the way to a healthy node may take so long on the machine's clock.
const OURS: u64 = 5000;

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

#[test]
fn a_machine_keeps_its_data_through_a_power_cut_and_a_replacement() {
    alone("boot::life::a_machine_keeps_its_data_through_a_power_cut_and_a_replacement", life);
}

fn life(root: &Root) {
    let (runtime, prod) = (Runtime::new().unwrap(), Prod::applied());
    let (place, folder) = (place(&prod), tempfile::tempdir().unwrap());
    let mut network = Network::of(&place);
    let disk = Disk::empty(folder.path().join("data.img"), &prod.volume());

    network.serve(folder.path(), root, &prod.aws, ("i-00000000000000001", &place));
    let mut machine = Machine::launch(&folder.path().join("first"), root, &place, &disk);
    machine.hear("up ", BOOT);
    told("first boot", &machine);
    assert!(machine.said().iter().any(|line| line.ends_with("is empty and is formatted")));
    within_limit(&machine);
    healthy(&runtime);
    runtime.block_on(store(&prod, 200));

    machine.power_cut();
    wait_healthy(&runtime, &machine);
    println!(
        "healthy again {:.0} s after the power was cut",
        machine.began.elapsed().as_secs_f32()
    );
    assert_eq!(runtime.block_on(stored(&prod)), 200);
    // The first boot's work is done once: systemd alone brings the server back.
    assert_eq!(machine.said(), Vec::<String>::new());
    machine.stop();
    assert!(holds(&disk, TALE), "the messages are not on the machine's own disk");

    network.serve(folder.path(), root, &prod.aws, ("i-00000000000000002", &place));
    let mut machine = Machine::launch(&folder.path().join("second"), root, &place, &disk);
    machine.hear("up ", BOOT);
    told("replaced", &machine);
    assert!(!machine.said().iter().any(|line| line.contains("formatted")));
    healthy(&runtime);
    assert_eq!(runtime.block_on(stored(&prod)), 200);
    machine.stop();
    prod.aws.trusted();
}

#[test]
fn a_disk_with_foreign_data_is_refused_and_not_touched() {
    alone("boot::life::a_disk_with_foreign_data_is_refused_and_not_touched", refusal);
}

fn refusal(root: &Root) {
    let prod = Prod::applied();
    let (place, folder) = (place(&prod), tempfile::tempdir().unwrap());
    let mut network = Network::of(&place);
    network.serve(folder.path(), root, &prod.aws, ("i-00000000000000003", &place));
    let disk = Disk::empty(folder.path().join("data.img"), &prod.volume());
    // No file system, and not at the beginning either.
    let foreign = std::fs::OpenOptions::new().write(true).open(&disk.file).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&foreign, b"somebody else's work", 3 << 30).unwrap();
    let before = blocks(&disk);

    let mut machine = Machine::launch(&folder.path().join("machine"), root, &place, &disk);
    let words = format!(
        "boot: prepare volume {0}: volume {0} holds something that is no file system; it is not touched",
        prod.volume()
    );
    let said = machine.hear("failed", BOOT);
    told("foreign disk", &machine);
    assert_eq!(said, format!("failed: {words}"));
    let image = machine.stop();
    assert_eq!(file_of(&image, "/var/lib/natsops/failed"), words + "\n");
    assert_eq!(blocks(&disk), before, "the disk has changed");
}

/// Every part of the disk that holds something, with what it holds.
fn blocks(disk: &Disk) -> Vec<(u64, Vec<u8>)> {
    use std::io::Read as _;
    let mut file = std::fs::File::open(&disk.file).unwrap();
    let mut part = vec![0; 1 << 20];
    let mut found = Vec::new();
    for at in 0..(8 << 30) / (1 << 20) {
        file.read_exact(&mut part).unwrap();
        if part.iter().any(|byte| *byte != 0) {
            found.push((at, part.clone()));
        }
    }
    found
}

fn holds(disk: &Disk, text: &str) -> bool {
    let parts = blocks(disk);
    parts.iter().any(|(_, part)| part.windows(text.len()).any(|window| window == text.as_bytes()))
}

/// Shows the way of a boot.
fn told(what: &str, machine: &Machine) {
    println!("{what}:");
    for line in machine.said() {
        println!("  {line}");
    }
}

/// The steps that are ours, downloads and waiting for others aside.
fn within_limit(machine: &Machine) {
    let said = machine.said();
    let steps = said.iter().filter_map(|line| line.strip_suffix(" ms")?.rsplit_once(' '));
    let ours = steps.filter(|(step, _)| {
        !["fetch", "healthy", "wait"].iter().any(|other| step.starts_with(other))
    });
    let times: Vec<u64> = ours.map(|(_, time)| time.parse().unwrap()).collect();
    let sum: u64 = times.iter().sum();
    println!("  ours: {sum} ms in {} steps", times.len());
    assert!(times.len() >= 6 && sum < OURS, "{said:?}");
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
    own(prod).await.create_stream(config).await.unwrap();
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
