//! Lists of records: passing their elements, and finding the next one behind damage.

use super::{Role, Step, Walk};

impl Walk<'_> {
    /// A list; `inner` says what its elements are, when they hold records themselves.
    pub(super) fn array(&mut self, at: usize, inner: Option<Role>) -> Step {
        let mut at = at + 1;
        let mut before: Option<usize> = None;
        loop {
            at = self.blank(at);
            if self.bytes.get(at) == Some(&b']') {
                self.drop_comma(at);
                return Step::At(at + 1);
            }
            let start = at;
            let why = match self.element(&mut at, &mut before) {
                Ok(Some(end)) => return Step::At(end),
                Ok(None) => continue,
                Err(why) => why,
            };
            match self.mend(start, at, before, inner, why) {
                Some(next) => at = next,
                None => {
                    self.out.push(b']');
                    return Step::Ended;
                }
            }
        }
    }

    /// Passes one whole element and what follows it; gives the end of the list when that is reached.
    /// Where it fails, `at` is where reading stopped.
    fn element(&mut self, at: &mut usize, before: &mut Option<usize>) -> Result<Option<usize>, String> {
        let start = *at;
        let end = start + self.text.first_value(start)?.len();
        self.kept += 1;
        *before = Some(start);
        *at = self.blank(end);
        match self.bytes.get(*at) {
            Some(b',') => *at += 1,
            Some(b']') => return Ok(Some(*at + 1)),
            Some(b'{' | b'[') if *at > end => {
                // Not in place of a line end, where there is a choice: lines are counted in the repaired text too.
                let free = (end..*at).find(|i| self.bytes.get(*i) != Some(&b'\n'));
                self.put(free.unwrap_or(end), b',');
                self.cuts.push((end..*at, "expected `,`".to_owned()));
            }
            _ => return Err("expected `,` or `]`".to_owned()),
        }
        Ok(None)
    }

    /// Takes damage out of a list: the element that starts at `start` when reading stopped there, else
    /// what follows it. Gives where the list goes on, `None` when the rest of it was cut off.
    fn mend(
        &mut self,
        start: usize,
        at: usize,
        before: Option<usize>,
        inner: Option<Role>,
        why: String,
    ) -> Option<usize> {
        let broken_element = at == start;
        let object = broken_element && self.bytes.get(at) == Some(&b'{');
        if let Some(role) = inner.filter(|_| object) {
            return self.descend(at, role);
        }
        let like = self.bytes.get(before.unwrap_or(start)..).unwrap_or_default();
        if let Some((next, last)) = self.sibling(start, at, like) {
            self.blank_out(at..next, why, broken_element, !last);
            return Some(next);
        }
        if object && inner.is_none() && before.is_none() {
            return self.descend(at, Role::Page);
        }
        self.cut_off(at, why);
        None
    }

    /// Repairs an element that holds records itself.
    fn descend(&mut self, at: usize, role: Role) -> Option<usize> {
        match self.object(at, role) {
            Step::At(end) => Some(self.after_element(end)),
            Step::Ended => None,
        }
    }

    /// Passes the comma behind an element that was repaired.
    fn after_element(&self, end: usize) -> usize {
        let at = self.blank(end);
        if self.bytes.get(at) == Some(&b',') { at + 1 } else { at }
    }

    /// Where the next element of the list starts, or (`true`) where the list ends. Elements start as `like` does: a
    /// whole one, where there is one.
    pub(super) fn sibling(&mut self, start: usize, from: usize, like: &[u8]) -> Option<(usize, bool)> {
        let open = *like.first().filter(|b| matches!(b, b'{' | b'['))?;
        match indentation(self.bytes, start) {
            Some(indent) => self.indented_sibling(indent, from, open),
            None => self.compact_sibling(from, like).map(|at| (at, false)),
        }
    }

    /// Pretty-printed: elements of one list are indented alike, and its end less.
    fn indented_sibling(&mut self, indent: &[u8], from: usize, open: u8) -> Option<(usize, bool)> {
        let rest = self.bytes.get(from..)?;
        for i in memchr::memchr_iter(b'\n', rest) {
            let line = rest.get(i + 1..)?;
            let depth = line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
            let at = from + i + 1 + depth;
            let first = self.bytes.get(at);
            if depth < indent.len() && first == Some(&b']') {
                return Some((at, true));
            }
            let alike = line.get(..depth) == Some(indent) && first == Some(&open);
            if alike && self.whole(at)? {
                return Some((at, false));
            }
        }
        None
    }

    /// On one line: elements of one list start with the same key.
    fn compact_sibling(&mut self, from: usize, head: &[u8]) -> Option<usize> {
        let end = match head.first()? {
            b'[' => memchr::memchr2(b'"', b'{', head.get(1..64)?)? + 2,
            _ => memchr::memchr(b':', head.get(..64.min(head.len()))?)? + 1,
        };
        let pattern = head.get(..end)?.to_vec();
        let rest = self.bytes.get(from + 1..)?;
        let places: Vec<usize> = memchr::memmem::find_iter(rest, &pattern).map(|i| from + 1 + i).take(256).collect();
        for at in places {
            let follows = self.bytes.get(..at).is_some_and(|b| b.trim_ascii_end().ends_with(b","));
            if follows && self.whole(at)? {
                return Some(at);
            }
        }
        None
    }

    /// Whether a whole value, and then the list's next or end, lies at a place. `None` once too much was read.
    fn whole(&mut self, at: usize) -> Option<bool> {
        let value = self.text.first_value(at);
        let read = value.as_ref().map_or(4096, |v| v.len());
        self.budget = self.budget.checked_sub(read)?;
        Some(value.is_ok_and(|v| matches!(self.bytes.get(self.blank(at + v.len())), Some(b',' | b']'))))
    }
}

/// The white space before a place, if nothing else is before it on its line.
fn indentation(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let before = bytes.get(..at)?;
    let line = memchr::memrchr(b'\n', before)? + 1;
    let indent = before.get(line..)?;
    indent.iter().all(|b| matches!(b, b' ' | b'\t')).then_some(indent)
}
