import Net
import TestSupport

/// What programs say whose packets a helper reads, and the connections that they announce by it.
enum HelperTalk: CaseIterable {
    case ftp, irc, tftp

    var port: UInt16 {
        switch self {
        case .ftp: 21
        case .irc: 6667
        case .tftp: 69
        }
    }

    var name: String { "\(self)" }
    var ipProtocol: UInt8 { self == .tftp ? 17 : 6 }

    /// Where announced connections go to.
    static let dataPorts: [UInt16] = [2001, 2002, 2003]

    /// A line, with an address that is mostly the speaker's own.
    func line(_ isClient: Bool, _ view: Dialog.View, random: inout SeededRandom) -> [UInt8] {
        let address = random.chance(85) ? view.own : random.pick(Pool.everywhere)
        let port = random.pick(Self.dataPorts)
        let bytes = [24, 16, 8, 0].map { String(address.rawValue >> UInt32($0) & 255) }.joined(separator: ",")
        let text: String
        switch self {
        case .ftp where isClient:
            text = random.pick(weighted: [
                (5, "PORT \(bytes),\(port >> 8),\(port & 255)\r\n"), (3, "EPRT |1|\(address)|\(port)|\r\n"), (2, "PASV\r\n"), (1, "EPSV\r\n"),
                (2, "USER anonymous\r\n"), (1, "PORT \(bytes),"), (1, "NOOP\r\nPORT \(bytes),\(port >> 8),\(port & 255)\r\n"),
            ])
        case .ftp:
            text = random.pick(weighted: [
                (5, "227 Entering Passive Mode (\(bytes),\(port >> 8),\(port & 255)).\r\n"), (3, "229 Entering Extended Passive Mode (|||\(port)|)\r\n"),
                (3, "220 hi\r\n"), (1, "227 \(bytes),999,1\r\n"),
            ])
        case .irc:
            text = random.pick(weighted: [
                (5, "PRIVMSG a :\u{1}DCC SEND file \(address.rawValue) \(port)\u{1}\n"), (2, "PRIVMSG a :\u{1}DCC CHAT chat \(address.rawValue) \(port)\u{1}\n"),
                (2, "PRIVMSG a :hello\r\n"), (1, "PRIVMSG a :\u{1}DCC SEND file \(address.rawValue) 0\u{1}\n"),
            ])
        case .tftp:
            // Read or write request, or data (RFC 1350).
            return [0, random.pick([1, 1, 2, 3])] + Array("file\u{0}octet\u{0}".utf8)
        }
        return Array(text.utf8)
    }

    /// The connection that a packet announces to who receives it.
    ///
    /// - Parameter side: where it came out.
    static func announced(_ packet: TestPacket, side: Int) -> Dialog.View? {
        guard let ip = packet.ip, let ports = packet.ports else { return nil }
        if case .udp = packet.transport, ports.destination == HelperTalk.tftp.port, packet.payload.first == 0 {
            // The answer comes from any port.
            return Dialog.View(side: side, own: ip.destination, ownPort: dataPorts[0], peer: ip.source, peerPort: ports.source)
        }
        guard case .tcp = packet.transport else { return nil }
        let text = String(decoding: packet.payload, as: UTF8.self)
        let numbers = text.split { !$0.isNumber && $0 != "." }.filter { $0.contains { $0.isNumber } }
        func view(_ address: IPv4Address?, _ port: UInt16?) -> Dialog.View? {
            guard let address, let port else { return nil }
            return Dialog.View(side: side, own: ip.destination, ownPort: callingPort(ports), peer: address, peerPort: port)
        }
        if text.contains("PORT ") || text.hasPrefix("227 ") {
            let parts = numbers.suffix(6).compactMap { UInt32($0) }
            guard parts.count == 6, parts.allSatisfy({ $0 < 256 }) else { return nil }
            return view(IPv4Address(rawValue: parts[0] << 24 | parts[1] << 16 | parts[2] << 8 | parts[3]), UInt16(parts[4] << 8 | parts[5]))
        }
        if text.hasPrefix("EPRT "), numbers.count == 3 { return view(IPv4Address(numbers[1]), UInt16(numbers[2])) }
        if text.hasPrefix("229 "), let last = numbers.last { return view(ip.source, UInt16(last)) }
        if text.contains("DCC "), numbers.count >= 2 {
            return view(UInt32(numbers[numbers.count - 2]).map { IPv4Address(rawValue: $0) }, UInt16(numbers[numbers.count - 1]))
        }
        return nil
    }

    /// Servers of FTP call from port 20, others from anywhere.
    private static func callingPort(_ ports: (source: UInt16, destination: UInt16)) -> UInt16 {
        ports.destination == HelperTalk.ftp.port ? 20 : ports.source &+ 1
    }
}
