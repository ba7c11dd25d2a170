import Dataplane

/// The record that AUDIT writes about a packet (net/netfilter/xt_AUDIT.c), as the audit daemon would store it.
enum AuditLine {
    /// - Parameters:
    ///   - time: of the packet, in nanoseconds since 1970.
    ///   - number: the record's serial number.
    static func text(of report: Report, time: UInt64, number: UInt64) -> [UInt8] {
        func address(_ offset: Int) -> String {
            guard report.packet.count >= offset + 4 else { return "?" }
            return report.packet[offset..<offset + 4].map(String.init).joined(separator: ".")
        }
        let milliseconds = time / 1_000_000 % 1000
        let fraction = (milliseconds < 100 ? "0" : "") + (milliseconds < 10 ? "0" : "") + "\(milliseconds)"
        let ipProtocol = report.packet.count > 9 ? "\(report.packet[9])" : "-1"
        let mark = String(report.header.mark, radix: 16)
        return Array(
            ("type=NETFILTER_PKT msg=audit(\(time / 1_000_000_000).\(fraction):\(number)): mark=0x\(mark)"
                + " saddr=\(address(12)) daddr=\(address(16)) proto=\(ipProtocol)").utf8)
    }
}
