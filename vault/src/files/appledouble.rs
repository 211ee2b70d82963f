//! AppleDouble files: what a Mac writes as `._NAME` beside a file where the file system has no
//! extended attributes, and takes back when the file comes home.
//!
//! ```text
//! magic 00051607 ‖ version 00020000 ‖ 16 bytes of filler ‖ u16 number of entries
//! entries of u32 id ‖ u32 offset ‖ u32 length: 9 Finder information, 2 resource fork
//! Finder information (32) ‖ 2 bytes of padding
//! "ATTR" ‖ u32 0 ‖ u32 end ‖ u32 start of values ‖ u32 length of values ‖ 12 bytes of zero
//!        ‖ u16 flags 0 ‖ u16 number of attributes
//! attributes of u32 offset ‖ u32 length ‖ u16 flags 0 ‖ u8 size of name ‖ name ‖ 00, padded to 4
//! values ‖ resource fork
//! ```
//!
//! Numbers are big-endian and offsets count from the beginning of the file (Apple's `copyfile.c`).
#![expect(clippy::big_endian_bytes, reason = "the byte order of the Macs it was made for")]

use super::xattrs::Xattrs;

const FINDER_INFO: &[u8] = b"com.apple.FinderInfo";
const FINDER_INFO_SIZE: usize = 32;
const RESOURCE_FORK: &[u8] = b"com.apple.ResourceFork";
/// The size of everything before the first attribute: the head, two entries, the Finder
/// information, its padding and the head of the attributes.
const ATTRIBUTES_START: usize = 26 + 2 * 12 + FINDER_INFO_SIZE + 2 + 36;
/// The longest name of an attribute on a Mac.
const NAME_MAX: usize = 127;
/// The most bytes of attributes and values, the resource fork apart, that a Mac reads.
const ATTRIBUTES_MAX: usize = 1 << 17;

/// The file for these attributes, and how many of them it holds.
pub(super) fn encode(xattrs: &Xattrs) -> (Vec<u8>, u64) {
    let find = |wanted: &[u8]| {
        let found = xattrs.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.as_slice())
    };
    let finder_info = find(FINDER_INFO).and_then(|value| value.first_chunk::<FINDER_INFO_SIZE>());
    let fork = find(RESOURCE_FORK).unwrap_or_default();
    let mut size = ATTRIBUTES_START;
    let mut attributes = Vec::new();
    for (name, value) in xattrs {
        let own_size = padded(12 + name.len()).saturating_add(value.len());
        let is_apart = name == FINDER_INFO || name == RESOURCE_FORK;
        if is_apart || name.len() > NAME_MAX || size.saturating_add(own_size) > ATTRIBUTES_MAX {
            continue;
        }
        size += own_size;
        attributes.push((name, value));
    }
    let held = attributes.len()
        + usize::from(finder_info.is_some())
        + usize::from(find(RESOURCE_FORK).is_some());
    let entries: usize = attributes.iter().map(|(name, _)| padded(12 + name.len())).sum();
    let values: usize = attributes.iter().map(|(_, value)| value.len()).sum();
    let values_start = ATTRIBUTES_START + entries;
    let end = values_start + values;

    let mut file = Vec::with_capacity(end + fork.len());
    file.extend_from_slice(&0x0005_1607_u32.to_be_bytes());
    file.extend_from_slice(&0x0002_0000_u32.to_be_bytes());
    file.extend_from_slice(b"Mac OS X        ");
    file.extend_from_slice(&2_u16.to_be_bytes());
    let head_size = 26 + 2 * 12;
    for field in [9, number(head_size), number(end - head_size), 2, number(end), number(fork.len())]
    {
        file.extend_from_slice(&field.to_be_bytes());
    }
    file.extend_from_slice(finder_info.unwrap_or(&[0; FINDER_INFO_SIZE]));
    file.extend_from_slice(&[0; 2]);
    file.extend_from_slice(b"ATTR");
    for field in [0, number(end), number(values_start), number(values), 0, 0, 0] {
        file.extend_from_slice(&field.to_be_bytes());
    }
    file.extend_from_slice(&0_u16.to_be_bytes());
    file.extend_from_slice(&u16::try_from(attributes.len()).unwrap_or(u16::MAX).to_be_bytes());
    let mut at = values_start;
    for (name, value) in &attributes {
        file.extend_from_slice(&number(at).to_be_bytes());
        file.extend_from_slice(&number(value.len()).to_be_bytes());
        file.extend_from_slice(&[0; 2]);
        file.push(u8::try_from(name.len() + 1).unwrap_or(u8::MAX));
        file.extend_from_slice(name);
        file.resize(file.len() + padded(12 + name.len()) - 11 - name.len(), 0);
        at += value.len();
    }
    for (_, value) in &attributes {
        file.extend_from_slice(value);
    }
    file.extend_from_slice(fork);
    (file, held as u64)
}

fn padded(size: usize) -> usize {
    size.next_multiple_of(4)
}

/// A number of the file; what does not fit would be longer than a Mac reads.
fn number(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Apple's layout says of a file, read by its offsets.
    fn decode(file: &[u8]) -> Xattrs {
        let u32_at = |at: usize| {
            usize::try_from(u32::from_be_bytes(file[at..at + 4].try_into().unwrap())).unwrap()
        };
        assert_eq!(file[..8], [0, 5, 0x16, 7, 0, 2, 0, 0]);
        assert_eq!((u32_at(26), u32_at(38)), (9, 2));
        let (info, fork) = (u32_at(30), u32_at(42));
        let mut found = vec![
            (FINDER_INFO.to_vec(), file[info..info + 32].to_vec()),
            (RESOURCE_FORK.to_vec(), file[fork..fork + u32_at(46)].to_vec()),
        ];
        assert_eq!((u32_at(34), file.len()), (fork - info, fork + u32_at(46)));
        let head = info + 34;
        assert_eq!(&file[head..head + 4], b"ATTR");
        assert_eq!(u32_at(head + 8), fork);
        let values = u32_at(head + 12);
        assert_eq!(values + u32_at(head + 16), fork);
        let count = u16::from_be_bytes([file[head + 34], file[head + 35]]);
        let mut at = head + 36;
        for _ in 0..count {
            let (start, length) = (u32_at(at), u32_at(at + 4));
            let name_size = usize::from(file[at + 10]);
            let name = &file[at + 11..at + 11 + name_size];
            assert!(start >= values && start + length <= fork);
            assert_eq!(name.last(), Some(&0));
            found.push((name[..name_size - 1].to_vec(), file[start..start + length].to_vec()));
            at += (11 + name_size).next_multiple_of(4);
        }
        assert_eq!(at, values);
        found.sort();
        found
    }

    #[test]
    fn all_that_was_encoded_is_found_by_its_offsets() {
        let xattrs: Xattrs = [
            (FINDER_INFO, vec![3; 32]),
            (RESOURCE_FORK, vec![4; 5000]),
            (b"com.apple.metadata:_kMDItemUserTags".as_slice(), b"bplist00".to_vec()),
            (b"com.apple.metadata:kMDItemWhereFroms", Vec::new()),
            (b"org.example.x", vec![5; 333]),
        ]
        .map(|(name, value)| (name.to_vec(), value))
        .into();
        let (file, held) = encode(&xattrs);
        assert_eq!(decode(&file), xattrs);
        assert_eq!(held, 5);
    }

    #[test]
    fn what_a_mac_does_not_read_is_not_counted_as_held() {
        let xattrs = vec![
            (b"com.apple.FinderInfo".to_vec(), vec![1; 31]),
            (b"too.long".to_vec(), vec![0; ATTRIBUTES_MAX]),
            (vec![b'n'; NAME_MAX + 1], Vec::new()),
        ];
        let (file, held) = encode(&xattrs);
        assert_eq!(held, 0);
        assert_eq!(decode(&file)[0].1, [0; 32]);
    }
}
