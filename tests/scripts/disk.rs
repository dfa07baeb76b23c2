//! A disk that holds anything, or can't be read, is never formatted.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use super::Tool;

/// The size of a disk, which takes no room before something is written.
const SIZE: u64 = 8 << 30;

fn disk(tool: &Tool) -> File {
    let options = OpenOptions::new().write(true).create(true).truncate(true).clone();
    let file = options.open(tool.path("disk")).unwrap();
    file.set_len(SIZE).unwrap();
    file
}

#[test]
fn one_byte_anywhere_that_is_looked_at_is_found() {
    let tool = Tool::new();
    let blank = |size: u64| tool.run(&format!("is_blank disk {size}")).code == 0;
    let file = disk(&tool);
    assert!(blank(SIZE));
    // The ends, and both sides of a border of two parts. A line's end is a byte as any.
    let border = SIZE / 64;
    let near = [border * 5, border * 47 - 32_768, border * 63 + 32_767];
    for at in [0, (16 << 20) - 1, SIZE - 1, SIZE - (1 << 20)].into_iter().chain(near) {
        file.write_all_at(b"\n", at).unwrap();
        assert!(!blank(SIZE), "the byte at {at} is not seen");
        file.write_all_at(b"\0", at).unwrap();
    }
    assert!(blank(SIZE));
    // A part that is not there is no zeros.
    assert!(!blank(SIZE + (64 << 20)));
}

/// A loop device, which goes with this value.
struct Device(String);

impl Device {
    fn of(file: &Path) -> Self {
        let set_up = Command::new("losetup").args(["--find", "--show"]).arg(file).output();
        let set_up = set_up.unwrap();
        let said = String::from_utf8_lossy(&[set_up.stdout, set_up.stderr].concat()).into_owned();
        assert!(set_up.status.success(), "{said}");
        Self(said.trim().to_owned())
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        Command::new("losetup").args(["--detach", &self.0]).status().unwrap();
    }
}

#[test]
fn a_disk_that_holds_something_or_can_not_be_read_is_not_formatted() {
    let tool = Tool::new();
    // A machine has the real one. This one stands for it: it notes what it should format.
    tool.program("mkfs.xfs", "#!/bin/sh\necho \"$*\" >>formatted\n");
    let prepare = |code: i32| {
        let device = Device::of(&tool.path("disk"));
        tool.run(&format!("step 'prepare'; prepare_disk {}", device.0)).expect(code).stdout
    };
    let refused = |why: &str| {
        let said = prepare(1);
        assert!(said.contains(why) && said.contains("it is not touched"), "{said}");
        assert_eq!(tool.read("formatted"), "");
    };
    let file = disk(&tool);
    file.write_all_at(b"\n\n\n", 4096).unwrap();
    refused("holds something that is no file system");

    // Its last half is gone: whatever is read there is an error.
    let file = disk(&tool);
    let device = Device::of(&tool.path("disk"));
    file.set_len(SIZE / 2).unwrap();
    let said = tool.run(&format!("step 'prepare'; prepare_disk {}", device.0)).expect(1).stdout;
    assert!(said.contains("can't be read; it is not touched"), "{said}");
    assert_eq!(tool.read("formatted"), "");
    drop(device);

    disk(&tool);
    let made = Command::new("mkfs.ext4").arg("-q").arg(tool.path("disk")).status().unwrap();
    assert!(made.success());
    refused("somebody else's file system");

    disk(&tool);
    // No file system is there afterwards, so that is where it ends.
    let said = prepare(2);
    assert!(said.contains("is empty and is formatted"), "{said}");
    assert!(tool.read("formatted").starts_with("-q -K -L natsops /dev/loop"));
}
