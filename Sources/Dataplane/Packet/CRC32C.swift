/// The CRC-32C that SCTP packets carry (RFC 9260, appendix A), four bits at a time: what is rewritten by NAT needs it anew, and is rare.
struct CRC32C {
    private var register: UInt32 = .max

    /// The remainders of the sixteen values of four bits, for the polynomial 0x1EDC6F41 with its bits turned round.
    @inline(__always)
    private static func remainder(_ bits: UInt32) -> UInt32 {
        switch bits {
        case 0: 0x0000_0000
        case 1: 0x105E_C76F
        case 2: 0x20BD_8EDE
        case 3: 0x30E3_49B1
        case 4: 0x417B_1DBC
        case 5: 0x5125_DAD3
        case 6: 0x61C6_9362
        case 7: 0x7198_540D
        case 8: 0x82F6_3B78
        case 9: 0x92A8_FC17
        case 10: 0xA24B_B5A6
        case 11: 0xB215_72C9
        case 12: 0xC38D_26C4
        case 13: 0xD3D3_E1AB
        case 14: 0xE330_A81A
        default: 0xF36E_6F75
        }
    }

    @inline(__always)
    mutating func add(_ byte: UInt8) {
        register ^= UInt32(byte)
        register = register >> 4 ^ Self.remainder(register & 15)
        register = register >> 4 ^ Self.remainder(register & 15)
    }

    var value: UInt32 { ~register }
}

extension Packet {
    /// Offset of the checksum in an SCTP header, and the header's length (RFC 9260, 3.1).
    static var sctpChecksum: Int { 8 }
    static var sctpHeader: Int { 12 }

    /// Writes an SCTP packet's checksum anew, if its header is whole.
    @inline(never)
    func fillSCTPChecksum() {
        guard transportLength >= Self.sctpHeader else { return }
        setTransport32(Self.sctpChecksum, 0)
        var sum = CRC32C()
        for offset in 0..<transportLength { sum.add(transport8(offset)) }
        setTransport32(Self.sctpChecksum, sum.value.byteSwapped)
    }
}
