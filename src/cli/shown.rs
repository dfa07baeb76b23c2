//! What `--json` shows, as types: scripts rely on them, and `natsops schema` describes them.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::layers::Shown;
use crate::forecast::Forecast;
use crate::ops::keys::{KeyStatus, Rotated, Step};
use crate::ops::status::Status;
use crate::plan::{Plan, RecordId};
use crate::secrets::Entry;

/// The version of what is shown; it changes when a script would have to.
const FORMAT: u32 = 1;

/// What `natsops plan ENV --json` shows.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "natsops plan --json")]
pub struct PlanShown<'a> {
    /// The version of this form.
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The environment.
    environment: &'a str,
    /// Whether everything is as it should be, as far as could be seen.
    empty: bool,
    /// What an apply would do.
    plan: &'a Plan,
    /// What somebody has changed by hand since the last apply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_hand: Vec<&'a RecordId>,
    /// What an apply would take and cost, where that can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<&'a Forecast>,
}

impl<'a> PlanShown<'a> {
    /// The form of a plan.
    pub fn new(shown: &Shown<'a>) -> Self {
        let &Shown { environment, plan, by_hand, forecast } = shown;
        let by_hand = by_hand.iter().collect();
        Self { format: FORMAT, environment, empty: plan.is_empty(), plan, by_hand, forecast }
    }
}

/// What `natsops status ENV --json` shows.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "natsops status --json")]
pub struct StatusShown<'a> {
    /// The version of this form.
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The state of the environment.
    status: &'a Status,
}

impl<'a> StatusShown<'a> {
    /// The form of a status.
    pub fn new(status: &'a Status) -> Self {
        Self { format: FORMAT, status }
    }
}

/// What `natsops keys list ENV --json` shows.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "natsops keys list --json")]
pub struct KeysShown<'a> {
    /// The version of this form.
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The environment.
    environment: &'a str,
    /// The keys that were asked for.
    keys: Vec<&'a KeyStatus>,
    /// The KMS key that seals them, on AWS; with --due only if it is due.
    kms: Option<&'a KmsKey>,
}

/// The KMS key of an environment on AWS.
#[derive(Debug, Serialize, JsonSchema)]
pub struct KmsKey {
    /// The alias by which the environment names it.
    pub alias: String,
    /// Its id.
    pub key: String,
    /// Whether AWS rotates it by itself.
    pub rotates: bool,
    /// When it was last rotated, by AWS or on demand.
    #[schemars(with = "Option<String>")]
    pub last: Option<Timestamp>,
    /// When AWS rotates it next.
    #[schemars(with = "Option<String>")]
    pub next: Option<Timestamp>,
    /// When somebody must rotate it, since AWS does not.
    #[schemars(with = "Option<String>")]
    pub due: Option<Timestamp>,
}

impl KmsKey {
    /// Whether it is due at `time` or before.
    pub fn is_due(&self, time: Timestamp) -> bool {
        self.due.is_some_and(|due| due <= time)
    }
}

impl<'a> KeysShown<'a> {
    /// The form of a list of keys.
    pub fn new(environment: &'a str, keys: Vec<&'a KeyStatus>, kms: Option<&'a KmsKey>) -> Self {
        Self { format: FORMAT, environment, keys, kms }
    }
}

/// What `natsops keys rotate ENV --json` shows.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "natsops keys rotate --json")]
pub struct RotationShown<'a> {
    /// The version of this form.
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The environment.
    environment: &'a str,
    /// What is replaced, as the command line has it.
    what: String,
    /// Of whom, where it is not of all.
    name: Option<&'a str>,
    #[serde(flatten)]
    outcome: RotationOutcome<'a>,
}

/// How far a rotation has come.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
pub enum RotationOutcome<'a> {
    /// Nothing was done.
    Left {
        /// The steps that are left.
        left: &'a [Step],
        /// The keys that are refused in the end, with the connections that would be closed if it were now.
        ends: &'a [KeyStatus],
    },
    /// Something was done.
    Done {
        /// What, and how far it has come.
        rotation: &'a Rotated,
    },
    /// Nothing was done, and this is due.
    Due {
        /// The commands that replace it.
        commands: Vec<String>,
    },
    /// The KMS key of an environment on AWS.
    Kms {
        /// Whether it has new material.
        rotated: bool,
        /// How many rotations on demand were ever made.
        on_demand: usize,
        /// When the last one was.
        #[schemars(with = "Option<String>")]
        last: Option<Timestamp>,
        /// Whether one is under way.
        under_way: bool,
    },
}

impl<'a> RotationShown<'a> {
    /// The form of a rotation.
    pub fn new(
        environment: &'a str,
        (what, name): (String, Option<&'a str>),
        outcome: RotationOutcome<'a>,
    ) -> Self {
        Self { format: FORMAT, environment, what, name, outcome }
    }
}

/// What `natsops keys audit ENV --json` shows.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "natsops keys audit --json")]
pub struct AuditShown<'a> {
    /// The version of this form.
    #[schemars(extend("const" = FORMAT))]
    format: u32,
    /// The environment.
    environment: &'a str,
    /// Whether the keys were compared with the log; its hashes always are.
    verified: bool,
    /// The entries, newest last.
    entries: Vec<EntryShown<'a>>,
}

/// An entry of the log.
#[derive(Serialize, JsonSchema)]
struct EntryShown<'a> {
    /// Its hash, which the next entry names.
    hash: &'a str,
    #[serde(flatten)]
    entry: &'a Entry,
}

impl<'a> AuditShown<'a> {
    /// The form of a log.
    pub fn new(environment: &'a str, verified: bool, entries: &'a [(String, Entry)]) -> Self {
        let entries = entries.iter().map(|(hash, entry)| EntryShown { hash, entry }).collect();
        Self { format: FORMAT, environment, verified, entries }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::generate::SchemaSettings;

    use super::*;
    use crate::forecast::forecast;
    use crate::plan::{Kind, Observed, OnChange, Record, plan};

    fn shown(region: &str) -> serde_json::Value {
        let id = RecordId::new(Kind::Instance, "nats-1");
        let instance = |kind: &str| {
            let record = Record::new(id.clone()).field("type", kind, OnChange::InPlace);
            vec![record.field("root_size", "20 GiB", OnChange::InPlace)]
        };
        let (desired, found) = (instance("m6i.xlarge"), instance("m6i.large"));
        let observed = Observed { records: found.clone(), not_observed: vec![] };
        let plan = plan(desired.clone(), observed);
        let forecast = forecast(region, &plan, &desired, &found).unwrap().with_calls(46);
        let by_hand = BTreeSet::from([id]);
        let forecast = Some(&forecast);
        let shown = Shown { environment: "prod", plan: &plan, by_hand: &by_hand, forecast };
        serde_json::json!(PlanShown::new(&shown))
    }

    #[test]
    fn a_script_reads_what_a_plan_takes_and_costs() {
        let plan = shown("us-east-1");
        assert_eq!(plan["by_hand"][0]["name"], "nats-1");
        let forecast = &plan["forecast"];
        assert_eq!(forecast["duration"]["seconds"], 100);
        assert_eq!(forecast["duration"]["chain"][0]["kind"], "instance");
        let cost = &forecast["cost"]["priced"];
        assert_eq!((&cost["after"], &cost["change"]), (&"141.76".into(), &"70.08".into()));
        assert_eq!(forecast["api_calls"], 46);
        let elsewhere = shown("eu-north-1");
        assert_eq!(elsewhere["forecast"]["cost"]["no-prices"], "eu-north-1");
    }

    #[test]
    fn what_is_shown_fits_its_schema() {
        let generator = SchemaSettings::draft07().for_serialize().into_generator();
        let schema = generator.into_root_schema_for::<PlanShown<'_>>().to_value();
        let validator = jsonschema::validator_for(&schema).unwrap();
        for region in ["us-east-1", "eu-north-1"] {
            let mut plan = shown(region);
            let errors: Vec<String> = validator.iter_errors(&plan).map(|e| e.to_string()).collect();
            assert_eq!(errors, Vec::<String>::new());
            plan["forecast"]["duration"]["seconds"] = "soon".into();
            assert!(!validator.is_valid(&plan));
        }
    }
}
