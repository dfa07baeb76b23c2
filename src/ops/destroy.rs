//! `destroy`: stops what apply started. Data and keys stay unless their deletion is asked for by name.

use super::execute::{StopSign, execute};
use super::{OpsError, Site};
use crate::plan::{Action, ActionKind, Effect, Plan};
use crate::provider::{PROCESS, Provider};

/// Plans the way to nothing: every running node stops.
pub async fn plan<P: Provider>(site: &Site<'_, P>) -> Result<Plan, OpsError> {
    let mut plan = Plan::empty();
    let mut records = site.provider.observe().await?;
    records.extend(site.provider.observe_cache().await?);
    for record in records {
        let running = record.fields.get(PROCESS).is_some_and(|field| field.value == "running");
        let (action, effect, reason) = if running {
            (ActionKind::Delete, Effect::Stop, "destroy stops every node")
        } else {
            (ActionKind::Keep, Effect::None, "it is stopped already")
        };
        plan.actions.push(Action {
            id: record.id,
            action,
            reason: reason.to_owned(),
            effect,
            changes: Vec::new(),
            blocked: None,
            needs: Vec::new(),
        });
    }
    Ok(plan)
}

/// Performs the plan. All nodes stop at once: nothing is left for clients to go to anyway.
pub async fn perform<P: Provider>(
    site: &Site<'_, P>,
    plan: &Plan,
    stop: &StopSign,
) -> Result<(), OpsError> {
    let actions: Vec<&Action> = plan.changes().collect();
    execute(&actions, site.reporter, stop, async |action| site.provider.perform(action).await).await
}
