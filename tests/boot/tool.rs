//! The node tool on a machine, run as Systems Manager would run it.
