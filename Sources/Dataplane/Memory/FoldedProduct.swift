/// The step of which hashes on the packet path are made: a full multiplication, its halves laid over each other, so that every bit of the word
/// has a say in most of the result. Keyed by what the caller mixes in; short, and good enough with a random key.
@inline(__always)
func foldedProduct(_ word: UInt64, _ factor: UInt64 = HashFactor.first) -> UInt64 {
    let product = word.multipliedFullWidth(by: factor)
    return product.high ^ product.low
}

/// Odd factors whose bits look random: ours.
enum HashFactor {
    /// 2⁶⁴ by the golden ratio.
    static let first: UInt64 = 0x9E37_79B9_7F4A_7C15
    static let second: UInt64 = 0xD6E8_FEB8_6659_FD93
}
