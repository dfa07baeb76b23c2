//! What machines get at their start: a script without secrets, and a bundle that a real server accepts.

use std::process::Command;

use serde_json::json;

use super::emulator::{Emulator, python};
use crate::support::{Project, holds_no_secret, nats_server};

/// Runs the program against the emulator.
fn natsops(project: &Project, aws: &Emulator, arguments: &[&str]) -> (i32, String) {
    let mut command = project.command(arguments);
    let output = command.envs(aws.variables()).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    holds_no_secret(&said);
    (output.status.code().unwrap(), said)
}

/// Fetches what the bucket has for a node, as its machine would.
pub const FETCH: &str = "
import boto3, sys
s3 = boto3.client('s3')
[bucket] = [b['Name'] for b in s3.list_buckets()['Buckets']]
for entry in s3.list_objects_v2(Bucket=bucket, Prefix=f'nodes/{sys.argv[1]}/')['Contents']:
    s3.download_file(bucket, entry['Key'], sys.argv[2] + '/' + entry['Key'].rsplit('/', 1)[1])
";

#[test]
fn a_machine_gets_a_script_without_secrets_and_a_bundle_that_a_server_accepts() {
    let (project, aws) = (Project::new(), Emulator::start());
    aws.seed();
    let (code, said) = natsops(&project, &aws, &["apply", "prod", "--yes"]);
    assert_eq!(code, 0, "{said}");

    let read = aws.read(&json!({"environment": "prod", "resources": {}}));
    let script =
        read["resources"]["instance"]["natsops-prod-nats-1"]["user_data"].as_str().unwrap();
    // As the API has it; a machine finds it decoded.
    let script = data_encoding::BASE64.decode(script.as_bytes()).unwrap();
    let script = String::from_utf8(script).unwrap();
    holds_no_secret(&script);
    // AWS takes 16 KB.
    assert!(script.len() < 4096, "{script}");

    let folder = project.path().join("fetched");
    std::fs::create_dir(&folder).unwrap();
    let fetch = ["-c", FETCH, "nats-1", folder.to_str().unwrap()];
    assert!(Command::new(python()).args(fetch).envs(aws.variables()).status().unwrap().success());
    let run = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(&folder).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
        String::from_utf8_lossy(&said).into_owned()
    };
    // As the script does it.
    run("sha256sum", &["--quiet", "-c", "current"]);
    let current = std::fs::read_to_string(folder.join("current")).unwrap();
    let names: Vec<&str> = current.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(
        std::fs::read(folder.join(names[1])).unwrap(),
        std::fs::read(nats_server()).unwrap()
    );
    // The tool that the user data fetches, and trusts by this.
    let tool = std::fs::read_to_string(folder.join(names[2])).unwrap();
    let print = names[2].strip_prefix("natsops-node-").unwrap();
    assert!(current.contains(&format!("{print}  natsops-node-{print}\n")), "{current}");
    assert!(script.contains(&format!("\ntool={print}\n")), "{script}");
    holds_no_secret(&tool);

    run("tar", &["-xf", names[0]]);
    std::fs::create_dir(folder.join("log")).unwrap();
    run(nats_server().to_str().unwrap(), &["-t", "-c", "nats.conf"]);
    // SYS, natsops' own, and the four of the catalog.
    assert_eq!(std::fs::read_dir(folder.join("data/jwt")).unwrap().count(), 6);
    aws.trusted();
}
