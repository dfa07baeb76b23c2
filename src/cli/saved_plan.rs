//! A plan in a file: what was reviewed is what is applied, or nothing.
//!
//! An apply plans anew and compares, so that a plan from before any change, of the files or of the world, is refused.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::allow::AllowArgs;
use super::exit;
use super::failure::Failure;
use crate::plan::{ActionKind, Plan};

/// The form of the file.
const FORMAT: u32 = 1;

/// A plan with what it was made for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    format: u32,
    environment: String,
    /// What was allowed when it was made, and is when it is applied.
    pub allow: AllowArgs,
    /// Whether it was made with a look at everything.
    #[serde(default)]
    pub deep: bool,
    plan: Value,
}

/// What of a plan would be done, or could not be seen: what must be the same when it is applied.
fn substance(plan: &Plan) -> Value {
    let done = |action: &&crate::plan::Action| {
        action.action != ActionKind::Keep || action.blocked.is_some()
    };
    let actions: Vec<_> = plan.actions.iter().filter(done).collect();
    serde_json::json!({
        "actions": actions, "not_observed": plan.not_observed, "unmanaged": plan.unmanaged,
    })
}

impl SavedPlan {
    /// A plan to be saved.
    pub fn new(environment: &str, allow: &AllowArgs, deep: bool, plan: &Plan) -> Self {
        let environment = environment.to_owned();
        Self { format: FORMAT, environment, allow: allow.clone(), deep, plan: substance(plan) }
    }

    /// Writes it. It holds no secret: a plan never does.
    pub fn write(&self, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        fs_err::write(path, text + "\n").map_err(|error| {
            let next =
                format!("natsops plan {} --out FILE, in a folder that is there", self.environment);
            Failure::from(error).safe("nothing was changed").next(next)
        })
    }

    /// Reads it.
    pub fn read(path: &Path, environment: &str) -> Result<Self, Failure> {
        let text = fs_err::read(path)?;
        let wrong = |what: String| {
            let next = format!("natsops plan {environment} --out {}", path.display());
            Failure::new(exit::USAGE, format!("{}: {what}", path.display()))
                .safe("nothing was changed")
                .next(next)
        };
        let saved: Self = serde_json::from_slice(&text)
            .map_err(|error| wrong(format!("it is no saved plan: {error}")))?;
        if saved.format != FORMAT {
            let format = saved.format;
            return Err(wrong(format!("its format {format} is not known to this version")));
        }
        if saved.environment != environment {
            return Err(wrong(format!("it is a plan of `{}`", saved.environment)));
        }
        Ok(saved)
    }

    /// Fails when what would be done now is not what was saved.
    pub fn check(&self, plan: &Plan) -> Result<(), Failure> {
        let now = substance(plan);
        if now == self.plan {
            return Ok(());
        }
        let (was, is) = (names(&self.plan), names(&now));
        let new = is.iter().filter(|name| !was.contains(name)).map(|name| format!("+ {name}"));
        let gone = was.iter().filter(|name| !is.contains(name)).map(|name| format!("- {name}"));
        let differing: Vec<String> = new.chain(gone).collect();
        let differing = if differing.is_empty() {
            "the same things, with other values".to_owned()
        } else {
            differing.join(", ")
        };
        Err(Failure::new(exit::REFUSED, format!("the plan is out of date: {differing}"))
            .safe("nothing was changed")
            .next(format!("natsops plan {}, and save it again", self.environment)))
    }
}

/// The actions of a plan, as `update node nats-1`.
fn names(plan: &Value) -> Vec<String> {
    let word = |action: &Value, key: &str| action[key].as_str().unwrap_or_default().to_owned();
    let actions = plan["actions"].as_array().into_iter().flatten();
    actions
        .map(|action| ["action", "kind", "name"].map(|key| word(action, key)).join(" "))
        .collect()
}
