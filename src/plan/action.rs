//! What a plan consists of, and how it is shown to scripts.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Kind, RecordId};

/// What is done to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ActionKind {
    /// Nothing: it is as it should be.
    Keep,
    /// It comes to be.
    Create,
    /// It changes.
    Update,
    /// It goes, and a new one takes its place.
    Replace,
    /// It goes.
    Delete,
}

/// What it means to the running cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nobody notices.
    None,
    /// A server takes new settings while it runs.
    Reload,
    /// The connections of these services are closed, and come back by themselves.
    Reconnect(Vec<String>),
    /// A stopped node starts.
    Start,
    /// A node restarts; its clients go to the others meanwhile.
    RollingRestart,
    /// A node stops.
    Stop,
    /// Everything that is stored there is lost.
    LosesData,
    /// How far it has come is lost.
    LosesPosition,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Reload => f.write_str("reload"),
            Self::Reconnect(services) => write!(f, "clients of {} reconnect", services.join(", ")),
            Self::Start => f.write_str("starts"),
            Self::RollingRestart => f.write_str("rolling restart"),
            Self::Stop => f.write_str("stops"),
            Self::LosesData => f.write_str("its data is lost"),
            Self::LosesPosition => f.write_str("its position is lost"),
        }
    }
}

/// A field that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldChange {
    /// The field.
    pub field: String,
    /// What was found; none where there is nothing yet.
    pub from: Option<String>,
    /// What is wanted; none where it goes.
    pub to: Option<String>,
    /// Whether it stands for other fields.
    #[serde(skip)]
    pub summary: bool,
}

/// One vertex of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Action {
    /// The thing.
    #[serde(flatten)]
    pub id: RecordId,
    /// What is done to it.
    pub action: ActionKind,
    /// Why, in words.
    pub reason: String,
    /// What it means to the running cluster.
    pub effect: Effect,
    /// The fields that change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// Why it is not done after all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// What must be done before it.
    #[serde(skip)]
    pub needs: Vec<RecordId>,
}

impl Action {
    /// The changes that tell something: a digest only where nothing else does.
    pub fn telling_changes(&self) -> Vec<&FieldChange> {
        let details = self.changes.iter().any(|change| !change.summary);
        let changes = self.changes.iter();
        changes.filter(|change| !(details && change.summary)).collect()
    }
}

/// Something that could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct NotObserved {
    /// The kind of thing.
    pub kind: Kind,
    /// Why.
    pub reason: String,
}

/// Everything that an apply would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Plan {
    /// What is done, things that stay as they are included, in the order of their coming to be.
    pub actions: Vec<Action>,
    /// What was not compared, and why.
    pub not_observed: Vec<NotObserved>,
    /// What was found that the environment does not ask for; it is left alone.
    pub unmanaged: Vec<RecordId>,
    /// What is wrong and no action of this plan, in words.
    pub notices: Vec<String>,
}

impl Plan {
    /// What is really done.
    pub fn changes(&self) -> impl Iterator<Item = &Action> {
        self.actions
            .iter()
            .filter(|action| action.action != ActionKind::Keep && action.blocked.is_none())
    }

    /// What should be done and can't.
    pub fn blocked(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.blocked.is_some())
    }

    /// Whether everything is as it should be, as far as could be seen.
    pub fn is_empty(&self) -> bool {
        self.changes().next().is_none() && self.blocked().next().is_none()
    }

    /// The number of things with an action of this kind.
    pub fn count(&self, kind: ActionKind) -> usize {
        self.actions
            .iter()
            .filter(|action| action.action == kind && action.blocked.is_none())
            .count()
    }

    /// Puts another plan's content behind this one's.
    pub fn extend(&mut self, other: Self) {
        self.actions.extend(other.actions);
        self.not_observed.extend(other.not_observed);
        self.unmanaged.extend(other.unmanaged);
        self.notices.extend(other.notices);
    }

    /// Whether something that is stored would be lost.
    pub fn loses_data(&self) -> bool {
        let lost = |effect: &Effect| matches!(effect, Effect::LosesData | Effect::LosesPosition);
        self.changes().any(|action| lost(&action.effect))
    }

    /// A plan that does nothing.
    pub fn empty() -> Self {
        Self {
            actions: Vec::new(),
            not_observed: Vec::new(),
            unmanaged: Vec::new(),
            notices: Vec::new(),
        }
    }
}
