import Net

/// SCTP's checksum (RFC 9260, appendix A): CRC-32 with Castagnoli's polynomial, taken four bits at a time, which needs a table of
/// one cache line.
enum CRC32C {
    /// Of the bytes at `bytes`, the four at `field` taken as zero; as it stands in the packet's byte order, least byte first.
    static func compute(_ bytes: UnsafeRawPointer, count: Int, field: Int) -> UInt32 {
        let table: InlineArray<16, UInt32> = [
            0x0000_0000, 0x105E_C76F, 0x20BD_8EDE, 0x30E3_49B1, 0x417B_1DBC, 0x5125_DAD3, 0x61C6_9362, 0x7198_540D, 0x82F6_3B78,
            0x92A8_FC17, 0xA24B_B5A6, 0xB215_72C9, 0xC38D_26C4, 0xD3D3_E1AB, 0xE330_A81A, 0xF36E_6F75,
        ]
        var remainder: UInt32 = .max
        for offset in 0..<count {
            let byte = offset >= field && offset < field + 4 ? 0 : unsafe bytes.load(fromByteOffset: offset, as: UInt8.self)
            remainder ^= UInt32(byte)
            remainder = remainder >> 4 ^ table[Int(remainder & 15)]
            remainder = remainder >> 4 ^ table[Int(remainder & 15)]
        }
        return ~remainder
    }
}

extension Packet {
    /// Whether an SCTP packet carries the checksum of its bytes. The header must be there.
    func hasRightSCTPChecksum() -> Bool {
        // Least byte first, against the order of all else.
        unsafe CRC32C.compute(UnsafeRawPointer(transport), count: transportLength, field: Offset.sctpChecksum).byteSwapped
            == transport32(Offset.sctpChecksum)
    }

    /// Fills in the checksum that the host's own SCTP leaves to the NIC (sctp_packet_pack in net/sctp/output.c, NETIF_F_SCTP_CRC): the
    /// field is zero then, and nobody behind AF_XDP would do it. A packet whose sum really is zero keeps it.
    @inline(__always)
    func completeMissingSCTPChecksum() {
        guard ipProtocol == .sctp, !isFragment, transportLength >= Offset.sctpHeader, transport32(Offset.sctpChecksum) == 0
        else { return }
        fillSCTPChecksum()
    }

    /// Writes the checksum of an SCTP packet anew, if its header is whole.
    ///
    /// - Parameter start: where it begins, from the packet's own transport header on: not at 0 if an ICMP error carries it.
    @inline(never)
    func fillSCTPChecksum(at start: Int = 0) {
        guard transportLength >= start + Offset.sctpHeader else { return }
        let sum = unsafe CRC32C.compute(
            UnsafeRawPointer(transport + start), count: transportLength - start, field: Offset.sctpChecksum)
        setTransport32(start + Offset.sctpChecksum, sum.byteSwapped)
    }
}
