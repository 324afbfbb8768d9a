//! The checksum of a tar header.

use tar::Header;

use super::Block;

/// The checksum field: bytes 148 to 155 of a header.
fn sum_field(block: &Block) -> &[u8] {
    block.get(148..156).unwrap_or_default()
}

/// Compares the sum of the header's bytes (its own field counted as blanks) with what it says.
pub(super) fn check_sum(block: &Block, header: &Header) -> Result<(), String> {
    let all: u32 = block.iter().map(|b| u32::from(*b)).sum();
    let own: u32 = sum_field(block).iter().map(|b| u32::from(*b)).sum();
    let found = all.saturating_sub(own).saturating_add(8 * u32::from(b' '));
    match header.cksum() {
        Ok(expected) if expected == found => Ok(()),
        Ok(expected) => Err(format!("checksum {found}, expected {expected}")),
        Err(_) => Err("no checksum".to_owned()),
    }
}

/// Octal digits, padded in front with zeros or blanks, and one of the three endings that tars write: so that a
/// change of a byte that does not change the number is seen too.
pub(super) fn has_odd_sum_field(block: &Block) -> bool {
    let [digits @ .., last_but_one, last] = sum_field(block) else { return true };
    let ending = matches!((last_but_one, last), (0, b' ') | (b'0'..=b'7', 0) | (b' ', 0));
    let blanks = digits.iter().take_while(|b| **b == b' ').count();
    let number = digits.get(blanks..).unwrap_or_default();
    let padded_twice = blanks > 0 && number.first() == Some(&b'0');
    !ending || padded_twice || !number.iter().all(|b| matches!(b, b'0'..=b'7'))
}
