//! The keys of an environment on AWS, read from what its bucket holds: the way in for a test, as natsops has it.

use std::path::{Path, PathBuf};
use std::process::Command;

use natsops::artifacts::{short_lived_client, short_lived_user};
use natsops::nats::{Access, Connection};
use natsops::secrets::{
    Change, Contents, Document, Index, KeyName, OsEntropy, Secret, SecretStore, StoreError,
};

use crate::aws::emulator::{Emulator, python};

/// Downloads everything, each object as a file.
const FETCH: &str = "
import boto3, pathlib, sys
s3 = boto3.client('s3')
[bucket] = [b['Name'] for b in s3.list_buckets()['Buckets']]
for page in s3.get_paginator('list_objects_v2').paginate(Bucket=bucket):
    for entry in page['Contents']:
        path = pathlib.Path(sys.argv[1], entry['Key'])
        path.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(bucket, entry['Key'], str(path))
";

/// What the bucket held when it was looked at.
pub struct Bucket {
    pub folder: PathBuf,
}

impl Bucket {
    pub fn download(aws: &Emulator, folder: &Path) -> Self {
        let mut fetch = Command::new(python());
        let fetched = fetch.args(["-c", FETCH]).arg(folder).envs(aws.variables()).status().unwrap();
        assert!(fetched.success());
        Self { folder: folder.to_owned() }
    }

    /// The lines of a node's `current`: the archive, the server, the tool.
    pub fn current(&self, node: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join(format!("nodes/{node}/current")));
        let text = text.unwrap();
        text.lines().map(|line| line.split_once("  ").unwrap().1.to_owned()).collect()
    }

    /// A connection of natsops itself to one server.
    pub async fn connect(&self, account: &str, server: &str) -> Connection {
        let (index, now) = (self.index().unwrap(), jiff::Timestamp::now());
        let access = Access {
            servers: vec![server.parse().unwrap()],
            authority: index.document(&Document::authority()).unwrap().to_owned(),
            certificate: short_lived_client(&index, self, &OsEntropy, now).unwrap(),
        };
        let user = short_lived_user(account, &index, self, &OsEntropy, now).unwrap();
        access.connect(&user).await.unwrap()
    }
}

impl SecretStore for Bucket {
    fn index(&self) -> Result<Index, StoreError> {
        let text = std::fs::read(self.folder.join("index.json")).unwrap();
        Ok(serde_json::from_slice(&text).unwrap())
    }

    fn open(&self, name: &KeyName) -> Result<Secret<String>, StoreError> {
        let version = self.index()?.keys[name].version;
        let file = self.folder.join(format!("secrets/{}.v{version}", name.file_stem()));
        Ok(Secret::new(std::fs::read_to_string(file).unwrap()))
    }

    fn commit(&self, _: u64, _: Change) -> Result<Index, StoreError> {
        unreachable!("a test reads keys alone")
    }

    fn entry(&self, _: &str) -> Result<Option<Vec<u8>>, StoreError> {
        unreachable!("a test reads keys alone")
    }

    fn restore(&self, _: &Contents) -> Result<(), StoreError> {
        unreachable!("a test reads keys alone")
    }

    fn delete_everything(&self) -> Result<(), StoreError> {
        unreachable!("a test reads keys alone")
    }
}
