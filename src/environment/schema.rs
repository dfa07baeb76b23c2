//! The JSON Schemas of the files, for editors. Draft 7, which they all know.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Value as Json, json};

use super::formats;
use super::lint_table::LINTS;
use super::spec::{CatalogSpec, EnvironmentSpec};

/// The schema of an environment file.
pub fn environment_schema() -> Json {
    schema::<EnvironmentSpec>("A natsops environment")
}

/// The schema of a catalog file.
pub fn catalog_schema() -> Json {
    schema::<CatalogSpec>("A part of a natsops catalog")
}

fn schema<T: JsonSchema>(title: &str) -> Json {
    let settings = SchemaSettings::draft07();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    refine(&mut schema);
    schema["title"] = json!(title);
    schema
}

/// Says what the checks behind the formats say, and that a key without a value is an error.
fn refine(schema: &mut Json) {
    match schema {
        Json::Object(keys) => {
            without_null(keys);
            let format = keys.get("format").and_then(Json::as_str).unwrap_or_default().to_owned();
            if let Some((pattern, longest)) = formats::pattern(&format) {
                keys.insert("pattern".to_owned(), json!(pattern));
                keys.extend(longest.map(|longest| ("maxLength".to_owned(), json!(longest))));
            }
            if format == "lint" {
                keys.remove("format");
                keys.insert("enum".to_owned(), LINTS.iter().map(|lint| lint.id).collect());
            }
            keys.values_mut().for_each(refine);
        }
        Json::Array(items) => items.iter_mut().for_each(refine),
        _ => {}
    }
}

/// An optional value is one that may be left out.
fn without_null(keys: &mut serde_json::Map<String, Json>) {
    if let Some(Json::Array(types)) = keys.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keys.insert("type".to_owned(), only);
        }
    }
    if let Some(Json::Array(options)) = keys.get_mut("anyOf") {
        options.retain(|option| option["type"] != "null");
    }
}
