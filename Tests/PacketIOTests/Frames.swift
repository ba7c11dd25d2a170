/// Frames for tests, as bytes.
enum Frames {
    static let clientMAC: [UInt8] = [2, 0, 0, 0, 0, 0x11]
    static let routerMAC: [UInt8] = [2, 0, 0, 0, 0, 0x22]

    /// Ethernet and `type`, then `payload`, padded to 60 bytes.
    static func ethernet(_ type: UInt16, _ payload: [UInt8], to destination: [UInt8] = routerMAC) -> [UInt8] {
        var frame = destination + clientMAC + [UInt8(type >> 8), UInt8(type & 255)] + payload
        if frame.count < 60 { frame += [UInt8](repeating: 0, count: 60 - frame.count) }
        return frame
    }

    /// IPv4 and UDP from 10.0.0.2 to 10.0.1.2, with both checksums left out.
    static func udp(from source: UInt16 = 1000, to destination: UInt16, payload: [UInt8] = []) -> [UInt8] {
        let length = 28 + payload.count
        return [0x45, 0, UInt8(length >> 8), UInt8(length & 255), 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 2, 10, 0, 1, 2]
            + [UInt8(source >> 8), UInt8(source & 255), UInt8(destination >> 8), UInt8(destination & 255)]
            + [UInt8((length - 20) >> 8), UInt8((length - 20) & 255), 0, 0] + payload
    }

    /// A VLAN tag of 802.1Q in front of `payload`, whose own type is `type`.
    static func tagged(_ tci: UInt16, _ type: UInt16, _ payload: [UInt8]) -> [UInt8] {
        [UInt8(tci >> 8), UInt8(tci & 255), UInt8(type >> 8), UInt8(type & 255)] + payload
    }

    /// IPv4 and a TCP SYN from 10.0.0.2 port 1000 to 10.0.0.1, with both checksums.
    static func syn(to destination: UInt16) -> [UInt8] {
        var ip: [UInt8] = [0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]
        var tcp: [UInt8] = [3, 0xE8, UInt8(destination >> 8), UInt8(destination & 255), 0, 0, 0, 1, 0, 0, 0, 0]
            + [0x50, 2, 0x20, 0, 0, 0, 0, 0]
        (ip[10], ip[11]) = checksum(ip)
        (tcp[16], tcp[17]) = checksum(Array(ip[12..<20]) + [0, 6, 0, 20] + tcp)
        return ip + tcp
    }

    /// Computes the checksum of a TCP segment anew, in an untagged frame whose IPv4 header has no options.
    static func completeTCP(_ frame: UnsafeMutableRawPointer) {
        let bytes = unsafe frame.assumingMemoryBound(to: UInt8.self)
        guard unsafe bytes[12] == 8 && bytes[13] == 0 && bytes[14] == 0x45 && bytes[23] == 6 else { return }
        let length = unsafe (Int(bytes[16]) << 8) + Int(bytes[17]) - 20
        unsafe (bytes[50], bytes[51]) = (0, 0)
        let segment = unsafe [UInt8](UnsafeRawBufferPointer(start: frame + 34, count: length)) + (length % 2 == 1 ? [0] : [])
        let addresses = unsafe [UInt8](UnsafeRawBufferPointer(start: frame + 26, count: 8))
        unsafe (bytes[50], bytes[51]) = checksum(addresses + [0, 6, UInt8(length >> 8), UInt8(length & 255)] + segment)
    }

    /// RFC 1071, of an even number of bytes.
    private static func checksum(_ bytes: [UInt8]) -> (UInt8, UInt8) {
        var sum = stride(from: 0, to: bytes.count, by: 2).reduce(0) { $0 + (Int(bytes[$1]) << 8) + Int(bytes[$1 + 1]) }
        while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
        return (UInt8(~sum >> 8 & 255), UInt8(~sum & 255))
    }
}
