//! A shell in a machine, over its second serial line: what Systems Manager is on AWS.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::machine::Machine;

/// A shell that answers.
pub struct Shell {
    line: UnixStream,
    count: usize,
}

impl Shell {
    /// Waits until one answers.
    pub fn of(machine: &Machine) -> Self {
        let line = UnixStream::connect(machine.shell()).unwrap();
        line.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let mut shell = Self { line, count: 0 };
        let begin = Instant::now();
        while shell.attempt("true", Duration::from_secs(5)).is_none() {
            assert!(begin.elapsed() < Duration::from_secs(120), "no shell answers");
        }
        shell
    }

    /// Runs a command as root: its status, and all that it said.
    #[track_caller]
    pub fn run(&mut self, command: &str) -> (i32, String) {
        let answer = self.attempt(command, Duration::from_secs(240));
        answer.unwrap_or_else(|| panic!("`{command}` does not end"))
    }

    fn attempt(&mut self, command: &str, patience: Duration) -> Option<(i32, String)> {
        self.count += 1;
        let (begin, end) = (format!("<begin-{}>", self.count), format!("<end-{}-", self.count));
        writeln!(self.line, "echo '{begin}'; {{ {command}; }} 2>&1; echo \"{end}$?>\"").unwrap();
        let (started, mut heard) = (Instant::now(), String::new());
        while started.elapsed() < patience {
            let mut part = [0; 4096];
            match self.line.read(&mut part) {
                Ok(length) => heard.push_str(&String::from_utf8_lossy(&part[..length])),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
            let inside = heard.split_once(&begin).and_then(|(_, rest)| rest.split_once(&end));
            if let Some((said, rest)) = inside
                && let Some((code, _)) = rest.split_once('>')
            {
                return Some((code.parse().unwrap(), said.replace('\r', "").trim().to_owned()));
            }
        }
        None
    }
}
