/// Byte offsets within the headers, each in one place.
enum Offset {
    // Ethernet (IEEE 802.3), counted from the start of the frame.
    static let etherType = 12
    static let ethernetHeader = 14

    // IPv4 (RFC 791, 3.1), counted from the start of the IP header.
    static let ipVersionAndLength = 0
    static let ipTOS = 1
    static let ipTotalLength = 2
    static let ipIdentification = 4
    static let ipFragment = 6
    static let ipTTL = 8
    static let ipProtocol = 9
    static let ipChecksum = 10
    static let ipSource = 12
    static let ipDestination = 16
    static let ipHeader = 20

    // TCP (RFC 9293, 3.1), UDP (RFC 768), ICMP (RFC 792), counted from the start of the transport header.
    static let sourcePort = 0
    static let destinationPort = 2
    static let tcpSequence = 4
    static let tcpAcknowledgment = 8
    static let tcpDataOffset = 12
    static let tcpFlags = 13
    static let tcpWindow = 14
    static let tcpChecksum = 16
    static let tcpHeader = 20
    static let udpLength = 4
    static let udpChecksum = 6
    static let udpHeader = 8
    static let icmpType = 0
    static let icmpCode = 1
    static let icmpChecksum = 2
    static let icmpIdentifier = 4
    static let icmpHeader = 8

    // SCTP (RFC 9260, 3.1), GRE (RFC 2784; the call of RFC 2637's kind), counted from the start of the transport header.
    static let sctpTag = 4
    static let sctpChecksum = 8
    static let sctpHeader = 12
    static let greFlags = 0
    static let greProtocol = 2
    static let greCall = 6
}
