/// The hash of include/linux/jhash.h (Bob Jenkins' lookup3, 2006) for one to three words: where operators run several nodes with
/// one seed, Linux boxes among them, all must come to the same number.
struct JenkinsHash {
    private static let start: UInt32 = 0xDEAD_BEEF

    @inline(__always)
    static func hash(_ word: UInt32, seed: UInt32) -> UInt32 { mix(word, 0, 0, seed &+ start &+ 4) }

    @inline(__always)
    static func hash(_ a: UInt32, _ b: UInt32, _ c: UInt32, seed: UInt32) -> UInt32 { mix(a, b, c, seed &+ start &+ 12) }

    /// jhash2 of an address as the kernel keeps it for either family: four words, of which IPv4 uses the first.
    ///
    /// - Parameter address: as it lies in a packet's bytes, read as a number of this machine.
    static func hash(address: UInt32, seed: UInt32) -> UInt32 {
        let start = seed &+ Self.start &+ 16
        var a = address &+ start
        var b = start
        var c = start
        a = (a &- c) ^ rotated(c, 4)
        c = c &+ b
        b = (b &- a) ^ rotated(a, 6)
        a = a &+ c
        c = (c &- b) ^ rotated(b, 8)
        b = b &+ a
        a = (a &- c) ^ rotated(c, 16)
        c = c &+ b
        b = (b &- a) ^ rotated(a, 19)
        a = a &+ c
        c = (c &- b) ^ rotated(b, 4)
        b = b &+ a
        return mix(a, b, c, 0)
    }

    /// Brings a hash into 0 to `limit - 1` (reciprocal_scale of include/linux/math.h).
    @inline(__always)
    static func scale(_ hash: UInt32, to limit: UInt32) -> UInt32 {
        UInt32(truncatingIfNeeded: (UInt64(hash) &* UInt64(limit)) >> 32)
    }

    /// Wrapping is the hash.
    @inline(__always)
    private static func mix(_ first: UInt32, _ second: UInt32, _ third: UInt32, _ seed: UInt32) -> UInt32 {
        var a = first &+ seed
        var b = second &+ seed
        var c = third &+ seed
        c = (c ^ b) &- rotated(b, 14)
        a = (a ^ c) &- rotated(c, 11)
        b = (b ^ a) &- rotated(a, 25)
        c = (c ^ b) &- rotated(b, 16)
        a = (a ^ c) &- rotated(c, 4)
        b = (b ^ a) &- rotated(a, 14)
        return (c ^ b) &- rotated(b, 24)
    }

    @inline(__always)
    private static func rotated(_ value: UInt32, _ bits: UInt32) -> UInt32 { value &<< bits | value &>> (32 &- bits) }
}
