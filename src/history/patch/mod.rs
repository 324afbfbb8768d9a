//! tmp
#![allow(dead_code, missing_docs)]
mod json_patch; mod limits; mod merge; mod order; mod schema; mod schema_rows; mod strategic;
use serde_json::Value;
#[derive(Debug)]
pub enum PatchError { Operation{index:usize,why:&'static str}, TooMuch(&'static str), TooDeep{what:&'static str,limit:usize} }
pub fn raw(kind:&str, prior:&Value, patch:&Value)->Result<Value,String>{
    let mut o=prior.clone();
    match kind {
        "json"=> json_patch::apply(&mut o, patch.as_array().unwrap()).map_err(|e|format!("{e:?}"))?,
        "merge"=> merge::apply(&mut o,patch),
        _=>{ let (g,v)=crate::model::object::split_api_version(prior["apiVersion"].as_str().unwrap());
             strategic::apply(&mut o,patch,schema::Spot::root(g,v,prior["kind"].as_str().unwrap())).map_err(|e|e.to_string())?}
    }
    Ok(o)
}
