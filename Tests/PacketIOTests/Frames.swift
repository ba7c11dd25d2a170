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
}
