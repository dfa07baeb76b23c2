//! The connections of one run: to the system account, and to each account that has streams.

use std::collections::BTreeMap;

use super::{OpsError, Site};
use crate::model::{AccountName, SYSTEM_ACCOUNT};
use crate::nats::{Access, Connection, Control};
use crate::provider::Provider;
use crate::secrets::Index;

/// Connections, each made when it is first needed.
pub struct Session {
    access: Access,
    /// The system account.
    pub control: Control,
    accounts: BTreeMap<AccountName, Connection>,
}

impl Session {
    /// Signs in to the system account; `servers` of the cluster's servers are there to answer.
    pub async fn open<P: Provider>(
        site: &Site<'_, P>,
        index: &Index,
        servers: usize,
    ) -> Result<Self, OpsError> {
        let access = site.access(index)?;
        let user = site.own_user(SYSTEM_ACCOUNT, index)?;
        let connection = access.connect(&user).await?;
        Ok(Self { access, control: Control { connection, servers }, accounts: BTreeMap::new() })
    }

    /// The connection to an account.
    pub async fn account<P: Provider>(
        &mut self,
        site: &Site<'_, P>,
        index: &Index,
        account: &AccountName,
    ) -> Result<Connection, OpsError> {
        if let Some(connection) = self.accounts.get(account) {
            return Ok(connection.clone());
        }
        let user = site.own_user(account.as_str(), index)?;
        let connection = self.access.connect(&user).await?;
        self.accounts.insert(account.clone(), connection.clone());
        Ok(connection)
    }
}
