//! Reads an environment and its catalog from a project folder.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::rules::Document;
use super::shape::did_you_mean;
use super::spec::{CatalogSpec, EnvironmentSpec};
use super::tree::Tree;
use super::{Diagnostic, Diagnostics, Places, Source, decide, rules, shape};
use crate::model::Cluster;

/// A file larger than this is no environment; reading it would only cost memory.
pub(super) const LARGEST_FILE: u64 = 8 << 20;

/// Where nodes get their addresses from.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The first three parts of the loopback addresses of local nodes.
    pub local_network: [u8; 3],
}

/// An environment that has been read: the cluster if it is valid, and what there is to say.
#[derive(Debug)]
pub struct Loaded {
    /// The cluster; None when there are errors.
    pub cluster: Option<Cluster>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
    /// Where the things of the files stand; empty when there are errors.
    pub places: Places,
}

/// An environment that could not even be opened.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such environment.
    #[error("there is no environment `{name}` in {folder}")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
        /// What is there instead.
        known: Vec<String>,
        /// The one that was probably meant.
        near: Option<String>,
    },
    /// A file can't be read.
    #[error("{0}")]
    Unreadable(#[from] std::io::Error),
    /// A file is too large to be an environment.
    #[error("{0} is larger than 8 MiB, which no environment is")]
    TooLarge(PathBuf),
}

/// The environments of a project, by name.
pub fn list(project: &Path) -> std::io::Result<Vec<String>> {
    let mut names: Vec<String> = yaml_files(&project.join("environments"))?
        .iter()
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Reads environment `name` of the project, and decides its cluster if it is valid.
pub fn load(project: &Path, name: &str, addresses: &Addresses) -> Result<Loaded, LoadError> {
    let path = find(project, name)?;
    let mut problems = Diagnostics::default();
    let environment = read::<EnvironmentSpec>(project, &path, &mut problems)?;
    let folder = environment.as_ref().map_or("catalog", |document| document.spec.catalog.as_str());
    let folder = project.join("environments").join(folder);
    let mut catalog = Vec::new();
    for path in catalog_files(&folder, environment.as_ref(), &mut problems)? {
        catalog.extend(read::<CatalogSpec>(project, &path, &mut problems)?);
    }
    // A file that can't be read would make its names look unknown everywhere else.
    let complete = catalog.len() + 1 == problems.sources.len();
    let Some(environment) = environment.filter(|_| complete) else {
        problems.sort();
        return Ok(Loaded { cluster: None, diagnostics: problems, places: Places::default() });
    };
    rules::check(&environment, &catalog, &mut problems);
    problems.sort();
    let version = semver::Version::parse(&environment.spec.nats.version).ok();
    let Some(version) = version.filter(|_| !problems.has_errors()) else {
        return Ok(Loaded { cluster: None, diagnostics: problems, places: Places::default() });
    };
    let (specs, mut files) = apart(catalog, &problems);
    files.push((problems.sources[environment.file].clone(), environment.tree));
    let (cluster, places) =
        (Some(decide::decide(environment.spec, specs, version, addresses)), Places::new(files));
    Ok(Loaded { cluster, diagnostics: problems, places })
}

/// What the catalog says, and where it says so.
fn apart(
    catalog: Vec<Document<CatalogSpec>>,
    problems: &Diagnostics,
) -> (Vec<CatalogSpec>, Vec<(Source, Tree)>) {
    catalog
        .into_iter()
        .map(|document| (document.spec, (problems.sources[document.file].clone(), document.tree)))
        .unzip()
}

pub(super) fn find(project: &Path, name: &str) -> Result<PathBuf, LoadError> {
    let folder = project.join("environments");
    let known = list(project).unwrap_or_default();
    if !known.iter().any(|known| known == name) {
        return Err(LoadError::Unknown {
            near: did_you_mean(name, known.iter().map(String::as_str)),
            name: name.to_owned(),
            folder,
            known,
        });
    }
    let path = folder.join(format!("{name}.yaml"));
    Ok(if path.exists() { path } else { folder.join(format!("{name}.yml")) })
}

pub(super) fn yaml_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = fs_err::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .filter(|path| {
            path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
        })
        .collect();
    files.sort();
    Ok(files)
}

/// The files of the catalog; that there are none is a problem of the environment file.
fn catalog_files(
    folder: &Path,
    environment: Option<&Document<EnvironmentSpec>>,
    problems: &mut Diagnostics,
) -> Result<Vec<PathBuf>, LoadError> {
    let files = yaml_files(folder).unwrap_or_default();
    if let (true, Some(document)) = (files.is_empty(), environment) {
        let at = (document.file, document.tree.locate("catalog"));
        let message = format!("there is no catalog in {}", folder.display());
        problems.push(
            Diagnostic::error("no-catalog", at, message)
                .help("put at least one YAML file with accounts and services there"),
        );
    }
    Ok(files)
}

/// Reads one file into its spec type. None when something is wrong with it, which then stands in `problems`.
pub(super) fn read<T: DeserializeOwned + JsonSchema>(
    project: &Path,
    path: &Path,
    problems: &mut Diagnostics,
) -> Result<Option<Document<T>>, LoadError> {
    if fs_err::metadata(path)?.len() > LARGEST_FILE {
        return Err(LoadError::TooLarge(path.to_owned()));
    }
    let file = problems.sources.len();
    let (text, broken) = match String::from_utf8(fs_err::read(path)?) {
        Ok(text) => (text, None),
        Err(error) => {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            (text, Some(error.utf8_error().valid_up_to()))
        }
    };
    let path = path.strip_prefix(project).unwrap_or(path).display().to_string();
    problems.sources.push(Source { path, text });
    if let Some(at) = broken {
        let stand_in = at..at + char::REPLACEMENT_CHARACTER.len_utf8();
        let problem = Diagnostic::error("not-text", (file, stand_in), "this is not UTF-8");
        problems.push(problem.help("save the file as UTF-8"));
        return Ok(None);
    }
    Ok(understand(file, problems))
}

/// The part of reading that does no I/O.
pub(super) fn understand<T: DeserializeOwned + JsonSchema>(
    file: usize,
    problems: &mut Diagnostics,
) -> Option<Document<T>> {
    let tree = match Tree::parse(file, &problems.sources[file]) {
        Ok(tree) => tree,
        Err(problem) => {
            problems.push(*problem);
            return None;
        }
    };
    let schema = schemars::schema_for!(T).to_value();
    let json = shape::check(&schema, &tree, file, problems)?;
    match serde_json::from_value(json) {
        Ok(spec) => Some(Document { file, tree, spec }),
        Err(reason) => {
            let at = (file, tree.first_line());
            problems.push(Diagnostic::error("unreadable", at, reason.to_string()));
            None
        }
    }
}
