//! Users of Redis.

use redis::{Client, Cmd, Connection, RedisError, Value, cmd};

use super::guest::password;
use crate::support::System;

fn connect(system: &System, login: &str) -> Result<Connection, RedisError> {
    let address = system.stack.address(otp_dev::stack::Part::Redis).expect("an address");
    Client::open(format!("redis://{login}{address}"))?.get_connection()
}

fn command(words: &str) -> Cmd {
    let mut words = words.split(' ');
    let mut command = cmd(words.next().expect("a name"));
    for word in words {
        command.arg(word);
    }
    command
}

fn may(connection: &mut Connection, words: &str) -> Value {
    command(words).query(connection).unwrap_or_else(|error| panic!("{words}: {error}"))
}

fn may_not(connection: &mut Connection, words: &str) {
    let error = command(words).query::<Value>(connection).expect_err(words);
    assert_eq!(error.code(), Some("NOPERM"), "{words}: {error}");
}

#[tokio::test]
async fn the_gateway_reaches_its_own_keys_and_runs_nothing_but_its_scripts() {
    let system = System::start().await;
    let mut operator = system.stack.file().redis_client().expect("a client").get_connection().expect("connected");
    may(&mut operator, "SET foreign secret");
    let mut guest =
        connect(&system, &format!("gateway:{}@", password(system.stack.dir(), "redis-gateway"))).expect("let in");
    for words in ["PING", "TIME", "ROLE", "SET otp:{x} 1 PX 10000", "GET otp:{x}", "DEL otp:{x}"] {
        may(&mut guest, words);
    }
    let mut script = cmd("EVAL");
    script.arg("return redis.call('SET', KEYS[1], ARGV[1], 'PX', 10000)").arg(1).arg("otp:{y}").arg("1");
    script.query::<Value>(&mut guest).expect("a script on a key of its own");
    for words in [
        "KEYS *",
        "SCAN 0",
        "RANDOMKEY",
        "DBSIZE",
        "FLUSHALL",
        "FLUSHDB",
        "CONFIG GET *",
        "CONFIG SET dir /tmp",
        "ACL LIST",
        "ACL WHOAMI",
        "CLIENT LIST",
        "MONITOR",
        "SHUTDOWN NOSAVE",
        "REPLICAOF localhost 1",
        "MODULE LIST",
        "FUNCTION LIST",
        "SCRIPT FLUSH",
        "SAVE",
        "PUBLISH otp:x 1",
        "SUBSCRIBE otp:x",
        "MEMORY USAGE otp:{y}",
        "DUMP otp:{y}",
        "SELECT 1",
        "GET foreign",
        "SET foreign mine",
        "DEL foreign",
    ] {
        may_not(&mut guest, words);
    }
    for call in ["'GET', 'foreign'", "'KEYS', '*'", "'FLUSHALL'"] {
        let mut script = cmd("EVAL");
        let error = script.arg(format!("return redis.call({call})")).arg(0).query::<Value>(&mut guest);
        let error = error.expect_err("not from a script either").to_string();
        assert!(error.contains("The user executing the script can't"), "{error}");
    }
    assert_eq!(may(&mut operator, "GET foreign"), Value::BulkString(b"secret".to_vec()));
    system.stack.stop().await;
}

#[tokio::test]
async fn nobody_comes_in_without_a_name_and_a_health_check_only_looks() {
    let system = System::start().await;
    let right = password(system.stack.dir(), "redis-gateway");
    assert!(connect(&system, &format!("gateway:{right}@")).is_ok());
    for login in ["gateway:wrong@", "default:x@", &format!(":{right}@"), &format!("operator:{right}@")] {
        assert!(connect(&system, login).is_err(), "{login}");
    }
    let refused = connect(&system, "").and_then(|mut guest| cmd("PING").query::<Value>(&mut guest));
    assert_eq!(refused.expect_err("no name").code(), Some("NOAUTH"));
    let mut health = connect(&system, "health:any@").expect("let in");
    may(&mut health, "PING");
    for words in ["GET otp:{x}", "SET otp:{x} 1", "TIME", "INFO", "KEYS *"] {
        may_not(&mut health, words);
    }
    system.stack.stop().await;
}
