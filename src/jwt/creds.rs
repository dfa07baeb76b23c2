//! The creds file: a user's JWT and seed, in the form that every NATS client reads.

use crate::secrets::Secret;

/// A creds file.
pub fn creds_file(jwt: &str, seed: &Secret<String>) -> Secret<String> {
    Secret::new(format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         ************************* IMPORTANT *************************\n\
         NKEY Seed printed below can be used to sign and prove identity.\n\
         NKEYs are sensitive and should be treated as secrets.\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n\n\
         *************************************************************\n",
        seed.expose()
    ))
}
