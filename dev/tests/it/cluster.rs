//! Three NATS nodes whose leader dies, hangs, is cut off, and which are restarted one after the other, under load:
//! every 202 ends in a mail, and publishing goes on as soon as the cluster lets anybody publish.

mod anchor;
mod ledger;
mod load;
mod nodes;
mod replicas;
mod scenario;

use scenario::{Blow, Cluster};

use crate::support::servers;

/// Each on a cluster of its own, on the installed server and on a newer one.
macro_rules! scenarios {
    ($($name:ident: $blow:expr,)+) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn on_the_installed_server() {
                Cluster::start(servers::installed()).await.suffer($blow).await;
            }

            #[tokio::test]
            async fn on_a_newer_server() {
                match servers::newer() {
                    Some(server) => Cluster::start(server).await.suffer($blow).await,
                    None => println!("skipped: no nats-server in OTP_TEST_NATS_SERVER nor in Go's folder of programs"),
                }
            }
        }
    )+};
}

scenarios! {
    leader_killed: Blow::Killed,
    leader_stopped: Blow::Stopped,
    leader_cut_off: Blow::CutOff,
    rolling_restart: Blow::Rolled,
}
