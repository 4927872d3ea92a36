//! Schemas of bodies, from the types that the handlers read and write.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::altcha::Challenge;
use crate::http::{Guess, NewRequest, ReportRequest};
use crate::verification::{Accepted, Status, Verified};

const PLACE: &str = "/components/schemas";

/// A reference to one of [`all`].
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("#{PLACE}/{name}")})
}

/// All of them, by name.
pub(super) fn all() -> Map<String, Value> {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = PLACE.into());
    let mut read = settings.clone().for_deserialize().into_generator();
    let mut written = settings.for_serialize().into_generator();
    add::<NewRequest>(&mut read);
    add::<Guess>(&mut read);
    add::<ReportRequest>(&mut read);
    add::<Accepted>(&mut written);
    add::<Verified>(&mut written);
    add::<Status>(&mut written);
    add::<Challenge>(&mut written);
    let mut all = read.take_definitions(true);
    all.extend(written.take_definitions(true));
    all.extend(otp_nats::description::shared());
    all.extend(super::problems::schemas());
    all.extend(by_hand());
    all
}

/// A reference adds the definition; the reference itself is spelled where it is needed.
fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

/// What is no type of its own where it is answered.
fn by_hand() -> Map<String, Value> {
    let text = || json!({"type": "string"});
    let key = json!({
        "type": "object", "title": "A public key (RFC 8037)", "required": ["kty", "crv", "use", "alg", "kid", "x"],
        "properties": {
            "kty": {"type": "string", "const": "OKP"}, "crv": {"type": "string", "const": "Ed25519"},
            "use": {"type": "string", "const": "sig"}, "alg": {"type": "string", "const": "EdDSA"},
            "kid": text(), "x": {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
        },
    });
    let said = |word: &str| {
        json!({
            "type": "object", "required": ["status"], "properties": {"status": {"type": "string", "const": word}},
        })
    };
    let mut unavailable = said("unavailable");
    unavailable["required"] = json!(["status", "faults"]);
    unavailable["properties"]["faults"] = json!({
        "type": "array", "items": text(), "minItems": 1, "description": "What stands in the way, one phrase each.",
    });
    [
        ("KeySet", json!({"type": "object", "required": ["keys"], "properties": {"keys": {"type": "array", "items": key, "minItems": 1}}})),
        ("Live", said("live")),
        ("Ready", said("ready")),
        ("NotReady", unavailable),
    ]
    .map(|(name, schema)| (name.to_owned(), schema))
    .into_iter()
    .collect()
}

/// `#[schemars(with = "...")]` for an id of the contract.
#[derive(Debug)]
pub(crate) struct Id;

/// `#[schemars(with = "...")]` for a time of the contract.
#[derive(Debug)]
pub(crate) struct Time;

macro_rules! of_the_contract {
    ($type:ty, $name:literal) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                Schema::new_ref(format!("#{PLACE}/{}", $name))
            }
        }
    };
}

of_the_contract!(Id, "VerificationId");
of_the_contract!(Time, "Time");
