//! The engine against an obvious model, the behaviours a serious engine must show by name, and
//! random episodes with everything switched on.

mod behaviours;
mod fuzz;
mod model;
