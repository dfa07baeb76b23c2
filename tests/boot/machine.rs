//! A machine: qemu in software, with a root of its own, the data disk, one interface, and a console that is read.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::network::{Ended, Place, run};
use super::root::Root;

/// Until the script has ended one way or the other. Software emulation boots in a minute on idle cores, and in several
/// where others work as well.
pub const BOOT: Duration = Duration::from_secs(600);

/// Until a machine that is told to stop is off: a lame duck without clients, and a shutdown.
const OFF: Duration = Duration::from_secs(180);

/// What a machine keeps when it is replaced: its data disk.
pub struct Disk {
    pub file: PathBuf,
    /// The serial by which the machine knows it.
    serial: String,
}

impl Disk {
    /// An empty disk, which takes no room before something is written.
    pub fn empty(file: PathBuf, volume: &str) -> Self {
        std::fs::File::create(&file).unwrap().set_len(8 << 30).unwrap();
        Self { file, serial: volume.replace('-', "") }
    }

    /// Every part of it that holds something, with what it holds.
    pub fn parts(&self) -> Vec<(u64, Vec<u8>)> {
        let mut file = std::fs::File::open(&self.file).unwrap();
        let (mut part, empty) = (vec![0; 1 << 20], vec![0; 1 << 20]);
        let mut found = Vec::new();
        for at in 0..file.metadata().unwrap().len() >> 20 {
            file.read_exact(&mut part).unwrap();
            // As a whole: byte by byte, an unoptimised test would take minutes.
            if part != empty {
                found.push((at, part.clone()));
            }
        }
        found
    }
}

/// When a machine gets its data disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Attached {
    /// Before it is switched on.
    Before,
    /// By `Machine::attach`, as AWS does it to a machine that runs.
    Later,
}

/// A running machine.
pub struct Machine {
    process: Option<Ended>,
    folder: PathBuf,
    node: String,
    /// A disk that is none of the node's, empty, and the first that the machine finds.
    pub other: Disk,
    /// How much of the console belongs to former boots.
    read: usize,
    pub began: Instant,
}

impl Machine {
    /// Switches a machine on; `folder` holds what is its own.
    pub fn launch(
        folder: &Path,
        root: &Root,
        place: &Place<'_>,
        (disk, attached): (&Disk, Attached),
    ) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let image = folder.join("root.ext4");
        if !image.exists() {
            let from = root.file("root.ext4");
            run("cp", &["--sparse=always", from.to_str().unwrap(), image.to_str().unwrap()]);
        }
        let mut machine = Self {
            process: None,
            folder: folder.to_owned(),
            node: place.node.to_owned(),
            other: Disk::empty(folder.join("other.img"), "vol-0other"),
            read: 0,
            began: Instant::now(),
        };
        machine.start(root, place, disk, attached);
        machine
    }

    /// Attaches the data disk.
    pub fn attach(&self, disk: &Disk) {
        let device =
            json!({"driver": "nvme", "drive": "data", "serial": disk.serial, "bus": "door"});
        self.order(&json!({"execute": "device_add", "arguments": device}));
    }

    fn start(&mut self, root: &Root, place: &Place<'_>, disk: &Disk, attached: Attached) {
        let path = |name: &str| self.folder.join(name).display().to_string();
        let drive =
            |id: &str, file: String| format!("file={file},if=none,id={id},format=raw,cache=unsafe");
        // As an instance of EC2 says of itself: that is how cloud-init knows where it is.
        let identity = "ec2b3c4d-0000-4000-8000-000000000001";
        let data = format!("nvme,drive=data,serial={},bus=door", disk.serial);
        let data = match attached {
            Attached::Before => vec!["-device", &data],
            Attached::Later => vec![],
        };
        let process = Command::new("qemu-system-x86_64")
            // In software everywhere: /dev/kvm may be there and not work.
            .args(["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", "1024"])
            .args(["-nodefaults", "-display", "none", "-no-user-config"])
            .arg("-kernel")
            .arg(root.file("vmlinuz"))
            .arg("-initrd")
            .arg(root.file("initrd.img"))
            .args(["-append", "root=LABEL=root ro console=ttyS0 net.ifnames=0 quiet"])
            .args(["-smbios", &format!("type=1,manufacturer=Amazon EC2,product=m6i.large,serial={identity},uuid={identity}")])
            .args(["-drive", &drive("root", path("root.ext4")), "-device", "virtio-blk-pci,drive=root"])
            .args(["-drive", &drive("other", self.other.file.display().to_string())])
            .args(["-device", &format!("nvme,drive=other,serial={}", self.other.serial)])
            .args(["-device", "pcie-root-port,id=door"])
            .args(["-drive", &drive("data", disk.file.display().to_string())])
            .args(data)
            .args(["-netdev", "tap,id=net,ifname=tap0,script=no,downscript=no"])
            .args(["-device", &format!("virtio-net-pci,netdev=net,mac={},romfile=", place.mac)])
            .args(["-device", "virtio-rng-pci"])
            .args(["-chardev", &format!("file,id=console,path={}", path("console"))])
            .args(["-chardev", &format!("socket,id=shell,path={},server=on,wait=off", path("shell"))])
            .args(["-serial", "chardev:console", "-serial", "chardev:shell"])
            .args(["-qmp", &format!("unix:{},server=on,wait=off", path("qmp"))])
            .stdin(Stdio::null())
            .spawn()
            .expect("qemu is needed: run `.ci/tools tests`");
        self.process = Some(Ended(process));
    }

    /// The console since the last boot.
    pub fn console(&self) -> String {
        let text = std::fs::read(self.folder.join("console")).unwrap_or_default();
        String::from_utf8_lossy(&text[self.read.min(text.len())..]).replace('\r', "")
    }

    /// What natsops' own scripts have said since the last boot.
    pub fn said(&self) -> Vec<String> {
        let mark = format!("natsops: {}: ", self.node);
        let console = self.console();
        let lines = console.lines().filter_map(|line| line.split_once(&mark));
        lines.map(|(_, words)| words.to_owned()).collect()
    }

    /// Waits until a line has been said that begins with `words`, and gives it. A failure that is said ends the test.
    #[track_caller]
    pub fn hear(&mut self, words: &str, patience: Duration) -> String {
        let begin = Instant::now();
        loop {
            let said = self.said();
            if let Some(line) = said.iter().find(|line| line.starts_with(words)) {
                return line.clone();
            }
            let failed = said.iter().any(|line| line.starts_with("failed: "));
            let late = begin.elapsed() > patience;
            let runs = self
                .process
                .as_mut()
                .is_some_and(|process| matches!(process.0.try_wait(), Ok(None)));
            if failed || late || !runs {
                let console = self.console();
                let end: Vec<&str> = console.lines().rev().take(60).collect();
                let end: Vec<&str> = end.into_iter().rev().collect();
                panic!(
                    "no `{words}` on the console (late: {late}, runs: {runs}):\n{}",
                    end.join("\n")
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Since the start: the seconds that it ran, and those that it was ready to run and the host ran something else.
    pub fn times(&self) -> [f64; 2] {
        let pid = self.process.as_ref().unwrap().0.id();
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        threads.fold([0.; 2], |[ran, waited], thread| {
            // Of each thread: nanoseconds on a core, nanoseconds of waiting for one, and how often.
            let text = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
            let mut words = text.split_whitespace().map(|word| word.parse::<f64>().unwrap() / 1e9);
            [ran + words.next().unwrap(), waited + words.next().unwrap()]
        })
    }

    /// Cuts the power for a moment: nothing is written that was not.
    pub fn power_cut(&mut self) {
        let text = std::fs::read(self.folder.join("console")).unwrap();
        self.read = text.len();
        self.began = Instant::now();
        self.order(&json!({"execute": "system_reset"}));
    }

    /// Presses the power button, as a stop of an instance does, and waits until the machine is off.
    #[track_caller]
    pub fn stop(mut self) {
        self.order(&json!({"execute": "system_powerdown"}));
        let begin = Instant::now();
        let process = self.process.as_mut().unwrap();
        while matches!(process.0.try_wait(), Ok(None)) {
            assert!(begin.elapsed() < OFF, "the machine does not stop:\n{}", self.console());
            std::thread::sleep(Duration::from_millis(100));
        }
        println!("stopped in {:.1} s", begin.elapsed().as_secs_f32());
    }

    /// Tells qemu something, and reads its answer.
    fn order(&self, command: &Value) {
        let begin = Instant::now();
        let mut monitor = loop {
            match UnixStream::connect(self.folder.join("qmp")) {
                Ok(monitor) => break monitor,
                Err(error) => assert!(begin.elapsed().as_secs() < 10, "no qemu: {error}"),
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        monitor.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut lines = BufReader::new(monitor.try_clone().unwrap()).lines();
        lines.next().unwrap().unwrap();
        for command in [&json!({"execute": "qmp_capabilities"}), command] {
            writeln!(monitor, "{command}").unwrap();
            let answer = lines.find(|line| !line.as_ref().unwrap().contains("\"event\"")).unwrap();
            let answer = answer.unwrap();
            assert!(answer.contains("\"return\""), "{command}: {answer}");
        }
    }

    /// The socket of the second serial line.
    pub fn shell(&self) -> PathBuf {
        self.folder.join("shell")
    }
}
