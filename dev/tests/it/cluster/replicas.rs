//! How streams come to have three replicas: at the first start, on a cluster that is still forming, and later.

use otp_dev::process::Signal;
use otp_dev::stack::{Instance, NatsNodes, Part};

use super::nodes;
use crate::support::{Api, System, eventually};

const STREAMS: [&str; 3] = ["OTP_REQUESTS", "OTP_EVENTS", "OTP_DEAD"];

/// How many nodes have each stream, and the mailers' consumer.
async fn copies(operator: &async_nats::jetstream::Context) -> Option<Vec<usize>> {
    let mut copies = Vec::new();
    for name in STREAMS {
        let stream = operator.get_stream(name).await.ok()?;
        copies.push(stream.cached_info().cluster.as_ref()?.replicas.len() + 1);
    }
    let requests = operator.get_stream("OTP_REQUESTS").await.ok()?;
    let consumer = requests.consumer_info("mailer").await.ok()?;
    copies.push(consumer.cluster.as_ref()?.replicas.len() + 1);
    Some(copies)
}

async fn three_of_each(operator: &async_nats::jetstream::Context) {
    eventually("three copies of everything", async || (copies(operator).await? == [3; 4]).then_some(())).await;
}

#[tokio::test]
async fn a_deployment_is_given_three_replicas_by_one_service_that_wants_them() {
    let mut system = System::with(|options| {
        options.nats_nodes = NatsNodes::Three;
        options.caller.set("OTP_STREAM_REPLICAS", "1");
        options.caller.set("OTP_STREAM_DRIFT", "refuse");
    })
    .await;
    let operator = nodes::operator(&system, nodes::all()).await;
    assert_eq!(copies(&operator).await, Some(vec![1; 4]));
    system.api().accepted("before@replicas.test").await;
    system.inbox().wait_for("before@replicas.test").await;

    let refused = system.stack.add(Part::Gateway, &[("OTP_STREAM_REPLICAS", "3")]).await.expect_err("drift");
    assert!(format!("{refused:#}").contains("num_replicas is 1, configured 3"), "{refused:#}");
    let wanting = [("OTP_STREAM_REPLICAS", "3"), ("OTP_STREAM_DRIFT", "update")];
    let second = system.stack.add(Part::Gateway, &wanting).await.expect("it changes the streams");
    three_of_each(&operator).await;
    let api = Api::at(&format!("http://{}", system.stack.address(second).expect("an address")));
    api.accepted("after@replicas.test").await;
    // The mailer is the one of before: its consumer was given replicas beneath it.
    system.inbox().wait_for("after@replicas.test").await;
    let told = eventually("the others to see it", async || {
        let ready = system.api().get("/ready").await;
        (ready.status == 503).then_some(ready.text)
    })
    .await;
    assert!(told.contains("num_replicas is 3, configured 1"), "{told}");
    system.stack.stop().await;
}

#[tokio::test]
async fn three_services_start_at_once_on_a_cluster_that_is_still_forming() {
    let system = System::with(|options| options.nats_nodes = NatsNodes::Three).await;
    let operator = nodes::operator(&system, nodes::all()).await;
    three_of_each(&operator).await;
    for part in Part::SERVICES {
        system.stack.hold(part, Signal::Kill).await.expect("held");
    }
    for stream in STREAMS {
        operator.delete_stream(stream).await.expect("deleted");
    }
    let late: Vec<Instance> = nodes::all().skip(1).collect();
    for node in &late {
        system.stack.hold(*node, Signal::Kill).await.expect("held");
    }
    let stack = &system.stack;
    let services = futures_util::future::try_join_all(Part::SERVICES.map(|part| stack.release(part)));
    let forming = async {
        // All three have asked a node that knows no leader before the others come.
        for part in Part::SERVICES {
            let log = stack.log(part);
            let waits = || std::fs::read_to_string(&log).is_ok_and(|text| text.contains("waiting for NATS"));
            eventually(&format!("{} to wait", part.name()), async || waits().then_some(())).await;
        }
        futures_util::future::try_join_all(late.iter().map(|node| stack.release(*node))).await
    };
    let (services, nodes) = tokio::join!(services, forming);
    nodes.expect("the nodes are ready");
    services.expect("the services are ready");
    three_of_each(&operator).await;
    system.api().accepted("first@forming.test").await;
    system.inbox().wait_for("first@forming.test").await;
    system.stack.stop().await;
}
