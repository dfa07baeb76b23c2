//! The templates, compiled in.

use std::sync::LazyLock;

use minijinja::{Environment, UndefinedBehavior, Value};

/// A template that does not fit its input, which is a bug of ours.
#[derive(Debug, thiserror::Error)]
#[error("can't render {file}: {reason:#}")]
pub struct RenderError {
    /// The produced file.
    pub file: &'static str,
    /// The template engine's reason.
    pub reason: minijinja::Error,
}

/// Each produced file with its template.
const ALL: [(&str, &str); 6] = [
    ("boot.sh", include_str!("../../templates/boot.sh.j2")),
    ("leafnode.conf", include_str!("../../templates/leafnode.conf.j2")),
    ("nats.conf", include_str!("../../templates/nats.conf.j2")),
    ("natsops-node.sh", include_str!("../../templates/natsops-node.sh.j2")),
    ("redis.conf", include_str!("../../templates/redis.conf.j2")),
    ("users.acl", include_str!("../../templates/users.acl.j2")),
];

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("quoted", quoted);
    for (name, text) in ALL {
        environment.add_template(name, text).expect("the template is compiled in and has a test");
    }
    environment
});

/// Text as nats-server reads it in quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Renders a file.
pub fn render(file: &'static str, context: Value) -> Result<String, RenderError> {
    TEMPLATES
        .get_template(file)
        .and_then(|template| template.render(context))
        .map(|text| text + "\n")
        .map_err(|reason| RenderError { file, reason })
}
