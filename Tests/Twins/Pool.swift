import Net
import TestSupport

/// The few values that rules and packets both draw from, so that rules match often.
///
/// Everything a packet can be sent to is a neighbour of the laboratory or behind its default route: an address that no
/// neighbour has would make the kernel wait for seconds.
enum Pool {
    static let topology = Topology.cables()

    /// Hosts behind each side, in the order of the topology.
    static let hosts: [[IPv4Address]] = [
        ["10.0.0.2", "10.0.0.3", "10.0.0.4"], ["198.51.100.2", "198.51.100.3", "198.51.100.4"],
        ["172.16.0.2", "172.16.0.3"],
    ]
    /// Behind the default route.
    static let far: [IPv4Address] = ["203.0.113.7", "192.0.2.33"]
    static let router: [IPv4Address] = ["10.0.0.1", "198.51.100.1", "172.16.0.1"]
    /// Neighbours' addresses that NAT may use.
    static let spare: [IPv4Address] = ["198.51.100.6", "198.51.100.7", "198.51.100.8", "10.0.0.8", "172.16.0.8"]
    /// Firsts of addresses in a row that all have neighbours.
    static let rows: [IPv4Address] = ["10.0.0.2", "198.51.100.2", "198.51.100.3", "172.16.0.2"]
    static let groups: [IPv4Address] = ["10.0.0.255", "255.255.255.255", "239.1.2.3", "224.0.0.1"]
    static let senders = hosts.flatMap { $0 } + far + router + spare
    static let everywhere = hosts.flatMap { $0 } + far + router + spare + groups

    static let interfaces = topology.sides.map(\.interface)
    static let ports: [UInt16] = [22, 53, 80, 113, 600, 1000, 1001, 5000, 5001, 8080]
    static let services: [UInt16] = [22, 53, 80, 113, 8080]
    /// Where SNAT with a range of ports finds them; nothing else has such a number.
    static let chosenPorts: ClosedRange<Int> = 40000...49999
    static let logGroups: [UInt16] = [0, 5]
    static let marks: [UInt32] = [1, 2, 3, 0x10, 0xFF, 0x8000_0001]
    static let protocols: [UInt8] = [1, 6, 17, 33, 47, 50, 51, 89, 132, 136]
    static let tos: [UInt8] = [0, 0x10, 0x08, 0x04, 0x02, 0xB8, 0x01, 0x03, 0x20]
    static let ttls: [UInt8] = [1, 2, 3, 32, 63, 64, 65, 128, 255]
    static let lengths = [0, 1, 8, 20, 28, 40, 41, 48, 52, 60, 84, 100, 128]
    static let macs = (0..<3).flatMap { side in (2...4).map { topology.hostMAC(side, $0) } }
    static let payloads = ["GET /index.html", "hello", "EVIL", "\\x00\\x01\\x02\\x03", "USER anonymous", ""]
    static let mss = [536, 1000, 1400, 1460]
}
