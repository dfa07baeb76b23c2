//! The process of a node: started so that it outlives us, recognised so that we never touch another.
//!
//! A process is ours when three things agree: its pid, the time at which it started, and the folder that it runs in.
//! A pid alone may belong to somebody else by now; a note may be stale or, after a crash of ours, missing.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use super::{NodeFolder, Program};
use crate::secrets::replace;

/// A running server that belongs to a node's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeProcess {
    note: Note,
    folder: PathBuf,
    program: Program,
}

/// What is noted of a process when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Note {
    pid: i32,
    /// When it started, in clock ticks since boot (`/proc/PID/stat`, field 22).
    start: u64,
}

impl NodeProcess {
    /// The running process of a folder.
    ///
    /// The note is looked at first; when it is not true, every process of the machine is.
    pub fn find(folder: &NodeFolder) -> std::io::Result<Option<Self>> {
        let Ok(path) = fs::canonicalize(folder.path()) else {
            return Ok(None);
        };
        let noted = fs::read(folder.process_note())
            .ok()
            .and_then(|text| serde_json::from_slice::<Note>(&text).ok())
            .filter(|note| is_ours(*note, &path));
        let found = match noted {
            Some(note) => Some(note),
            None => search(&path, folder.program())?,
        };
        Ok(found.map(|note| Self { note, folder: path, program: folder.program() }))
    }

    /// Starts the server of a folder in a session of its own, so that no terminal takes it along.
    pub fn start(server: &Path, folder: &NodeFolder) -> std::io::Result<Self> {
        let server = std::path::absolute(server)?;
        let mut command = Command::new(server);
        command
            .args(folder.program().arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // What the server says before it opens its log.
            .stderr(fs::File::create(folder.path().join("log/stderr"))?);
        #[expect(
            unsafe_code,
            reason = "only a child can start a session, and only between fork and exec"
        )]
        // SAFETY: setsid is async-signal-safe and touches no memory.
        unsafe {
            command.pre_exec(|| rustix::process::setsid().map(drop).map_err(Into::into));
        }
        // Whatever our caller holds open, such as the lock of `flock natsops ...`, would stay open as long as the server runs.
        close_fds::set_fds_cloexec_threadsafe(3, &[]);
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).map_err(std::io::Error::other)?;
        let start = start_time(pid).unwrap_or(0);
        let process = Self {
            note: Note { pid, start },
            folder: fs::canonicalize(folder.path())?,
            program: folder.program(),
        };
        let note = serde_json::to_vec(&process.note)?;
        replace(&folder.process_note(), &note)?;
        Ok(process)
    }

    /// The process id.
    pub fn pid(&self) -> i32 {
        self.note.pid
    }

    /// Whether it still runs, and is still the same.
    pub fn is_alive(&self) -> bool {
        is_ours(self.note, &self.folder)
    }

    /// Asks it to leave in order.
    pub fn farewell(&self) -> std::io::Result<()> {
        self.signal(self.program.farewell)
    }

    /// Ends it at once.
    pub fn kill(&self) -> std::io::Result<()> {
        self.signal(Signal::KILL)
    }

    /// Waits until it is gone; false when it is still there after `limit`.
    pub async fn gone_within(&self, limit: Duration) -> bool {
        let begin = Instant::now();
        while self.is_alive() {
            if begin.elapsed() > limit {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }

    /// Signals through a handle that stays with this very process, whatever becomes of its number.
    fn signal(&self, signal: Signal) -> std::io::Result<()> {
        let Some(pid) = Pid::from_raw(self.note.pid) else {
            return Ok(());
        };
        let handle = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => handle,
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // Looked at after the handle is open: from here on it can't be exchanged.
        if !self.is_alive() {
            return Ok(());
        }
        match pidfd_send_signal(&handle, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn is_ours(note: Note, folder: &Path) -> bool {
    let cwd = fs::read_link(format!("/proc/{}/cwd", note.pid));
    cwd.is_ok_and(|cwd| cwd == folder) && start_time(note.pid) == Some(note.start)
}

/// Any server of this kind that runs in the folder.
fn search(folder: &Path, program: Program) -> std::io::Result<Option<Note>> {
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        let runs_here = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == folder);
        let is_server = fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.trim() == program.name);
        if let (true, true, Some(start)) = (runs_here, is_server, start_time(pid)) {
            return Ok(Some(Note { pid, start }));
        }
    }
    Ok(None)
}

/// When a process started; none when it is gone, or dead and not yet buried.
fn start_time(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, so fields are counted from its end.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    (state != "Z" && state != "X").then(|| fields.nth(18)?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own_note() -> Note {
        let pid = i32::try_from(std::process::id()).unwrap();
        Note { pid, start: start_time(pid).unwrap() }
    }

    #[test]
    fn a_process_is_recognised_by_pid_start_and_folder_together() {
        let here = fs::canonicalize(".").unwrap();
        let note = own_note();
        assert!(is_ours(note, &here));
        assert!(!is_ours(note, Path::new("/")));
        let reborn = Note { start: note.start + 1, ..note };
        assert!(!is_ours(reborn, &here));
    }

    #[test]
    fn a_stale_note_finds_nobody() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = NodeFolder::new(temporary.path().to_owned());
        let note = serde_json::to_vec(&own_note()).unwrap();
        fs::write(folder.process_note(), note).unwrap();
        assert_eq!(NodeProcess::find(&folder).unwrap(), None);
    }

    #[test]
    fn garbage_instead_of_a_note_finds_nobody() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = NodeFolder::new(temporary.path().to_owned());
        fs::write(folder.process_note(), "{\"pid\": -1").unwrap();
        assert_eq!(NodeProcess::find(&folder).unwrap(), None);
    }
}
