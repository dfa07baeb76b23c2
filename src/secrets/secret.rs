//! A value that must not be seen.

use zeroize::Zeroize;

/// A secret: it has no `Debug`, no `Display` and no `Serialize`, and is wiped when it goes.
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes a value into custody.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value to the code that must use it; grep for this to find every such place.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize + Clone> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What lets somebody in: a user's JWT with its seed, or a certificate with its key.
pub struct Ticket {
    /// The public part: a JWT or a PEM certificate.
    pub public: String,
    /// The secret part: a seed or a PEM key.
    pub secret: Secret<String>,
}
