//! Machines that really boot: Debian under qemu's software emulation, from the user data and the bundle of an
//! `apply prod`, in a network of their own with a metadata service and a bucket. Nothing in a machine is stubbed.

mod cluster;
mod keys;
mod life;
mod machine;
mod network;
mod root;
mod shell;
mod tool;
