import Dataplane
import Net

/// The line that LOG writes about a packet, byte for byte as the kernel has it (net/netfilter/nf_log_syslog.c). Functions stand
/// in the order of the line.
struct LogLine {
    private let header: ReportHeader
    private let packet: [UInt8]
    private var line: [UInt8] = []

    /// The line without severity and line feed. As in the kernel, a blank ends it.
    ///
    /// - Parameter interfaces: names by the port's number.
    static func text(of report: Report, interfaces: InterfaceNames) -> [UInt8] {
        var line = LogLine(report)
        line.line = report.prefix
        line.add("IN=\(interfaces.name(report.header.ingress)) OUT=\(interfaces.name(report.header.egress)) ")
        if report.header.ingress != .none { line.addLink(report) }
        line.addPacket(at: 0)
        return line.line
    }

    private init(_ report: Report) {
        header = report.header
        packet = report.packet
    }

    // MARK: Pieces

    private mutating func add(_ text: String) { line += text.utf8 }

    private mutating func addHex(_ byte: UInt8, _ digits: StaticString = "0123456789abcdef") {
        unsafe line.append(digits.utf8Start[Int(byte >> 4)])
        unsafe line.append(digits.utf8Start[Int(byte & 15)])
    }

    private mutating func addOptions(_ bytes: ArraySlice<UInt8>) {
        add("OPT (")
        for byte in bytes { addHex(byte, "0123456789ABCDEF") }
        add(") ")
    }

    private mutating func addIncomplete(at offset: Int) { add("INCOMPLETE [\(Int(header.totalLength) - offset) bytes] ") }

    /// Whether the packet has these bytes. What a line can ask for was copied, if it was there.
    private func has(_ count: Int, at offset: Int) -> Bool {
        offset + count <= min(Int(header.totalLength), packet.count)
    }

    private func u16(_ offset: Int) -> UInt16 { UInt16(packet[offset]) << 8 | UInt16(packet[offset + 1]) }
    private func u32(_ offset: Int) -> UInt32 { UInt32(u16(offset)) << 16 | UInt32(u16(offset + 2)) }
    private func address(_ offset: Int) -> IPv4Address { IPv4Address(rawValue: u32(offset)) }

    // MARK: Ethernet

    /// dump_mac_header. A tag that the frame carries is what the kernel would have taken off it.
    private mutating func addLink(_ report: Report) {
        // The loopback interface's header is empty, and no Ethernet header that could be decoded.
        let isEthernet = report.link.count >= 14
        let link = isEthernet ? report.link : Report.loopbackHeader
        if isEthernet, header.options.contains(.decodedMAC) {
            add("MACSRC=")
            addAddress(link[6..<12])
            add(" MACDST=")
            addAddress(link[0..<6])
            if link.count >= 18 {
                let identifier = (UInt16(link[14]) << 8 | UInt16(link[15])) & 0xFFF
                add(" VPROTO=")
                for byte in link[12..<14] { addHex(byte) }
                add(" VID=\(identifier)")
            }
            add(" MACPROTO=")
            for byte in link.suffix(2) { addHex(byte) }
        } else {
            add("MAC=")
            addAddress(link[0..<12] + link.suffix(2))
        }
        add(" ")
    }

    private mutating func addAddress(_ bytes: ArraySlice<UInt8>) {
        for (place, byte) in bytes.enumerated() {
            if place > 0 { line.append(UInt8(ascii: ":")) }
            addHex(byte)
        }
    }

    // MARK: IPv4

    /// dump_ipv4_packet, for the packet itself and for the one that an ICMP error quotes.
    private mutating func addPacket(at start: Int) {
        guard has(20, at: start) else { return add("TRUNCATED") }
        let headerLength = Int(packet[start] & 0x0F) * 4
        let tos = packet[start + 1]
        add("SRC=\(address(start + 12)) DST=\(address(start + 16)) ")
        add("LEN=\(u16(start + 2)) TOS=0x")
        addHex(tos & 0x1E, "0123456789ABCDEF")
        add(" PREC=0x")
        addHex(tos & 0xE0, "0123456789ABCDEF")
        add(" TTL=\(packet[start + 8]) ID=\(u16(start + 4)) ")
        let fragment = u16(start + 6)
        if fragment & 0x8000 != 0 { add("CE ") }
        if fragment & 0x4000 != 0 { add("DF ") }
        if fragment & 0x2000 != 0 { add("MF ") }
        let offset = fragment & 0x1FFF
        if offset != 0 { add("FRAG:\(offset) ") }
        if header.options.contains(.ipOptions), headerLength > 20 {
            guard has(headerLength - 20, at: start + 20) else { return add("TRUNCATED") }
            addOptions(packet[start + 20..<start + headerLength])
        }
        let isWhole = addTransport(IPProtocol(rawValue: packet[start + 9]), at: start + headerLength, start: start, isFragment: offset != 0)
        guard start == 0, isWhole else { return }
        if header.options.contains(.uid), header.sender.isKnown {
            add("UID=\(header.sender.uid) GID=\(header.sender.gid) ")
        }
        if header.mark != 0 { add("MARK=0x\(String(header.mark, radix: 16)) ") }
    }

    /// - Returns: false if the line ends with it.
    private mutating func addTransport(_ ipProtocol: IPProtocol, at offset: Int, start: Int, isFragment: Bool) -> Bool {
        switch ipProtocol {
        case .tcp:
            add("PROTO=TCP ")
            return isFragment || addTCP(at: offset)
        case .udp, .udpLite:
            add(ipProtocol == .udp ? "PROTO=UDP " : "PROTO=UDPLITE ")
            if isFragment { return true }
            guard has(8, at: offset) else {
                addIncomplete(at: offset)
                return false
            }
            add("SPT=\(u16(offset)) DPT=\(u16(offset + 2)) LEN=\(u16(offset + 4)) ")
        case .icmp:
            add("PROTO=ICMP ")
            if !isFragment { addICMP(at: offset, start: start) }
        // Of a later fragment of AH nothing is said at all.
        case .ah where isFragment: break
        case .ah, .esp:
            add(ipProtocol == .ah ? "PROTO=AH " : "PROTO=ESP ")
            if isFragment { return true }
            guard has(ipProtocol == .ah ? 12 : 8, at: offset) else {
                addIncomplete(at: offset)
                return true
            }
            add("SPI=0x\(String(u32(offset + (ipProtocol == .ah ? 4 : 0)), radix: 16)) ")
        default: add("PROTO=\(ipProtocol.rawValue) ")
        }
        return true
    }

    /// nf_log_dump_tcp_header.
    private mutating func addTCP(at offset: Int) -> Bool {
        guard has(20, at: offset) else {
            addIncomplete(at: offset)
            return false
        }
        add("SPT=\(u16(offset)) DPT=\(u16(offset + 2)) ")
        if header.options.contains(.tcpSequence) { add("SEQ=\(u32(offset + 4)) ACK=\(u32(offset + 8)) ") }
        add("WINDOW=\(u16(offset + 14)) RES=0x")
        addHex((packet[offset + 12] & 0x0E) << 2)
        // The last of the once reserved bits has a name since AccECN (TCP_FLAG_AE).
        add(packet[offset + 12] & 1 != 0 ? " AE " : " ")
        let names = ["FIN ", "SYN ", "RST ", "PSH ", "ACK ", "URG ", "ECE ", "CWR "]
        for bit in (0..<8).reversed() where packet[offset + 13] & 1 << bit != 0 { add(names[bit]) }
        add("URGP=\(u16(offset + 18)) ")
        let length = Int(packet[offset + 12] >> 4) * 4
        if header.options.contains(.tcpOptions), length > 20 {
            guard has(length - 20, at: offset + 20) else {
                add("OPT (TRUNCATED)")
                return false
            }
            addOptions(packet[offset + 20..<offset + length])
        }
        return true
    }

    /// Bytes that an ICMP message of a type has at the least; a quoted IP header counts.
    private static let requiredLengths: [UInt8: Int] = [
        0: 4, 3: 28, 4: 28, 5: 28, 8: 4, 11: 28, 12: 28, 13: 20, 14: 20, 17: 12, 18: 12,
    ]

    private mutating func addICMP(at offset: Int, start: Int) {
        guard has(8, at: offset) else { return addIncomplete(at: offset) }
        let type = packet[offset]
        let code = packet[offset + 1]
        add("TYPE=\(type) CODE=\(code) ")
        if let required = Self.requiredLengths[type], Int(header.totalLength) - offset < required {
            return addIncomplete(at: offset)
        }
        switch type {
        case 0, 8: add("ID=\(u16(offset + 4)) SEQ=\(u16(offset + 6)) ")
        case 12: add("PARAMETER=\(packet[offset + 4]) ")
        case 3, 4, 5, 11:
            if type == 5 { add("GATEWAY=\(address(offset + 4)) ") }
            if start == 0 {
                add("[")
                addPacket(at: offset + 8)
                add("] ")
            }
            if type == 3, code == 4 { add("MTU=\(u16(offset + 6)) ") }
        default: break
        }
    }
}
