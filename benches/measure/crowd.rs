//! Catalogs with a thousand of something.

use std::fmt::Write as _;

use super::project::Project;

/// A thousand accounts, of whom nobody asks anything.
pub fn of_accounts(project: &Project, count: usize) {
    let mut text = String::from("accounts:\n");
    for number in 0..count {
        write!(
            text,
            "  CROWD_{number}:\n    description: One of many.\n    \
             limits: {{connections: 10, subscriptions: 100, payload: 64 KiB}}\n"
        )
        .unwrap();
    }
    std::fs::write(project.path().join("environments/catalog/crowd.yaml"), text).unwrap();
}

/// An account with so many services, each a user of its own.
pub fn of_users(project: &Project, count: usize) {
    let mut text = String::from(
        "accounts:\n  CROWD:\n    description: An account of many.\n    \
         limits: {connections: 2000, subscriptions: 4000, payload: 64 KiB}\nservices:\n",
    );
    for number in 0..count {
        write!(
            text,
            "  crowd-{number}:\n    account: CROWD\n    description: One of many.\n    \
             serves: [{{subject: svc.crowd.v1.op{number}, queue: q.crowd}}]\n"
        )
        .unwrap();
    }
    std::fs::write(project.path().join("environments/catalog/crowd.yaml"), text).unwrap();
}
