//! Recognisers on real octets, and on octets that only look alike.
