import Net

/// A conversation through a router, with what must come of it: a file of `Tests/Scenarios`.
///
///     caption  MASQUERADE keeps the source port where it is free
///     address wan0 198.51.100.10/32          more addresses, routes and settings than the standard topology has
///     route 203.0.113.0/24 via 198.51.100.3
///     route 203.0.113.9/32 blackhole         or unreachable, or prohibit
///     route 203.0.113.0/24 via 198.51.100.3 realm 5          or realm 3/5; the standard default route has none
///     group lan0 7                           the device group
///     nodefault                              without the standard default route
///     mtu wan0 1400
///     sysctl net.ipv4.ip_default_ttl=63
///     rules                                  iptables-save text, up to `end`; without it no table is loaded
///     *nat
///     -A POSTROUTING -o wan0 -j MASQUERADE
///     COMMIT
///     end                                    {time +60} in them is the time of day in a minute, {date -60} the date and time a minute ago
///     sets                                   ipset save text, up to `end`, loaded before the rules
///     create bad hash:ip
///     add bad 192.0.2.1
///     end
///     send lan tcp 10.0.0.2:1000 > 198.51.100.2:80 S seq 1
///     expect wan tcp 198.51.100.1:$p > 198.51.100.2:80 S seq 1 ttl 63
///     at 0.5                                 seconds since the start; the packets before are through by then
///     send wan fragments 48 udp …            the same in fragments with at most 48 bytes of payload
///     expect lan within 4 icmp …             a patient one; usually one second is enough
///     host udp 5000 > 198.51.100.2:53 "x"    the router itself speaks: see `HostAction`
///     log <4>IN=lan0 OUT=wan0 MAC=…          a line that LOG writes, with its severity; `ID=*` for a number left open
///     ipset add bad 192.0.2.2                an ipset command between the packets
///     element bad 192.0.2.1 timeout *        what is in the sets at the end, all of it; `element none` for nothing
///     counter nat [1:40] -A POSTROUTING -o wan0 -j MASQUERADE
///     flow tcp SYN_RECV src=…                as `FlowLine` prints it, numbers that NAT chose by the variables' names
///     expectation proto=6 src=… … ftp        as `ExpectationLine` prints it: what helpers announced and nobody took
///     drop filter 2                          Martlet's drops by reason (not asked of the kernel)
///
/// Sides are `lan`, `wan` and `dmz` of `Topology.cables()`. What follows a `send`, up to the next step, is what it must
/// cause; anything else that comes out is an error. Packets are patterns (`PacketPattern`); variables live as long as the
/// scenario. A frame without `eth` goes from the host that has its source address to the router.
/// `log` lines tell of the whole scenario, in order; without any, nothing is said about the log.
/// Lines that start with `#` are comments. If there is a `counter` line, all counters other than those listed are zero;
/// if there is a `flow` line (`flow none` for none), all flows are listed; `expectation` lines likewise. A `sysctl` of net.netfilter is
/// set in Martlet too, where it has that setting.
public struct Scenario: Sendable, CustomStringConvertible {
    public struct Route: Sendable {
        public var prefix: IPv4Prefix
        /// nil where `kind` says what happens instead.
        public var gateway: IPv4Address?
        /// As `ip route` writes it.
        public var realm: String?
        public var kind = RouteKind.unicast
    }

    public enum Fact: Sendable {
        case address(interface: String, prefix: IPv4Prefix)
        case route(Route)
        case noDefaultRoute
        case mtu(interface: String, bytes: Int)
        case group(interface: String, UInt32)
        case sysctl(String)
    }

    public struct Expectation: Sendable {
        public var side: String
        /// Seconds to wait for it.
        public var within: Double
        public var pattern: PacketPattern
        public var line: Int
    }

    public enum Action: Sendable {
        /// Seconds since the start.
        case at(Double)
        /// The text may hold variables. `fragments`: most bytes of payload in each, or nil for one packet.
        case send(side: String, fragments: Int?, text: String)
        case host(HostAction)
        /// Words of an ipset command.
        case ipset([String])
    }

    public struct Step: Sendable {
        public var action: Action
        public var expectations: [Expectation] = []
        /// Number of the line, from 1.
        public var line: Int
    }

    public var name: String
    public var caption = ""
    public var facts: [Fact] = []
    /// Empty if no table is loaded.
    public var rules = ""
    /// ipset save text; empty if there are no sets.
    public var sets = ""
    /// Elements of all sets as `SetElements` has them; nil if the file does not say.
    public var elements: [String]?
    public var steps: [Step] = []
    /// nil if the file does not say.
    public var counters: [RuleCounters.Line]?
    public var flows: [String]?
    /// As `ExpectationLine` has them; nil if the file does not say.
    public var expectations: [String]?
    public var drops: [String: Int64] = [:]
    /// Moments in the rules, and when the file was read: see `RelativeTime`.
    public var moments = RelativeTime()
    /// nil if the file does not say.
    public var logs: [LogText]?

    public var description: String { name }

}

/// What the router's own programs do in a scenario.
///
///     host udp PORT > ADDRESS:PORT "text"   send a datagram from a socket, which stays open
///     host tcp PORT > ADDRESS:PORT          begin to connect
///     host listen udp PORT                  open a socket
///     host listen tcp PORT
///     host answer udp PORT "text"           reply to the last datagram that a listening socket received
///     host ping ADDRESS ID                  send an echo request
public enum HostAction: Sendable {
    case udp(from: UInt16, to: IPv4Address, port: UInt16, text: String)
    case tcp(from: UInt16, to: IPv4Address, port: UInt16)
    case listen(IPProtocol, UInt16)
    case answer(UInt16, text: String)
    case ping(IPv4Address, id: UInt16)
}

/// What is wrong with a scenario file.
public struct ScenarioError: Error, CustomStringConvertible {
    public var file: String
    public var line: Int
    public var message: String
    public var description: String { "\(file):\(line): \(message)" }
}

extension Scenario {
    /// - Throws: `ScenarioError` with the line.
    public init(name: String, text: String) throws {
        self.name = name
        var inRules = false
        var inSets = false
        for (index, written) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let number = index + 1
            let raw = moments.expand(String(written))
            if inRules {
                if raw == "end" { inRules = false } else { rules += raw + "\n" }
                continue
            }
            if inSets {
                if raw == "end" { inSets = false } else { sets += raw + "\n" }
                continue
            }
            let line = String(raw)
            guard let word = line.split(separator: " ").first, !word.hasPrefix("#") else { continue }
            let rest = line.drop { $0 == " " }.dropFirst(word.count).drop { $0 == " " }
            if word == "rules" {
                inRules = true
                continue
            }
            if word == "sets" {
                inSets = true
                continue
            }
            do { try read(String(word), String(rest), line: number) } catch let error as ScenarioError {
                throw error
            } catch {
                throw ScenarioError(file: name, line: number, message: "\(error)")
            }
        }
        guard !inSets else { throw ScenarioError(file: name, line: 0, message: "\"end\" of the sets is missing") }
        guard !inRules else { throw ScenarioError(file: name, line: 0, message: "\"end\" of the rules is missing") }
        guard !caption.isEmpty else { throw ScenarioError(file: name, line: 1, message: "a scenario needs a caption") }
    }

    private mutating func read(_ word: String, _ rest: String, line: Int) throws {
        let words = rest.split(separator: " ").map { String($0) }
        func fail(_ message: String) -> ScenarioError { ScenarioError(file: name, line: line, message: message) }
        switch word {
        case "caption": caption = rest
        case "address":
            guard words.count == 2, let prefix = IPv4Prefix(words[1]) else {
                throw fail("address INTERFACE ADDRESS/LENGTH")
            }
            facts.append(.address(interface: words[0], prefix: prefix))
        case "route":
            guard let prefix = words.first.flatMap({ IPv4Prefix($0) }) else { throw fail("route PREFIX via ADDRESS") }
            let kinds: [String: RouteKind] = [
                "unreachable": .unreachable, "prohibit": .prohibit, "blackhole": .blackhole,
            ]
            if words.count == 5, words[1] == "via", words[3] == "realm", let gateway = IPv4Address(words[2]) {
                facts.append(.route(Route(prefix: prefix, gateway: gateway, realm: words[4])))
            } else if words.count == 3, words[1] == "via", let gateway = IPv4Address(words[2]) {
                facts.append(.route(Route(prefix: prefix, gateway: gateway)))
            } else if words.count == 2, let kind = kinds[words[1]] {
                facts.append(.route(Route(prefix: prefix, gateway: nil, kind: kind)))
            } else {
                throw fail("route PREFIX via ADDRESS, or route PREFIX unreachable|prohibit|blackhole")
            }
        case "nodefault": facts.append(.noDefaultRoute)
        case "mtu":
            guard words.count == 2, let bytes = Int(words[1]) else { throw fail("mtu INTERFACE BYTES") }
            facts.append(.mtu(interface: words[0], bytes: bytes))
        case "group":
            guard words.count == 2, let number = UInt32(words[1]) else { throw fail("group INTERFACE NUMBER") }
            facts.append(.group(interface: words[0], number))
        case "sysctl": facts.append(.sysctl(rest))
        case "at":
            guard words.count == 1, let seconds = Double(words[0]), seconds >= 0 else { throw fail("at SECONDS") }
            steps.append(Step(action: .at(seconds), line: line))
        case "send":
            var packet = words.dropFirst()
            var fragments: Int?
            if packet.first == "fragments" {
                guard let size = packet.dropFirst().first.flatMap({ Int($0) }), size >= 8, size % 8 == 0 else {
                    throw fail("fragments are a multiple of 8 bytes")
                }
                fragments = size
                packet = packet.dropFirst(2)
            }
            let text = Self.remainder(rest, after: words.count - packet.count)
            _ = try PacketPattern(text)
            steps.append(
                Step(action: .send(side: try side(words.first, line), fragments: fragments, text: text), line: line))
        case "expect":
            guard !steps.isEmpty else { throw fail("nothing was sent yet that could cause a packet") }
            var within = 1.0
            var skip = 1
            if words.count > 2, words[1] == "within" {
                guard let seconds = Double(words[2]) else { throw fail("within SECONDS") }
                within = seconds
                skip = 3
            }
            let pattern = try PacketPattern(Self.remainder(rest, after: skip))
            let expectation = Expectation(
                side: try side(words.first, line), within: within, pattern: pattern, line: line)
            steps[steps.count - 1].expectations.append(expectation)
        case "ipset": steps.append(Step(action: .ipset(words), line: line))
        case "element": elements = (elements ?? []) + (rest == "none" ? [] : [rest])
        case "host": steps.append(Step(action: .host(try HostAction(rest)), line: line))
        case "log": logs = (logs ?? []) + (rest == "none" ? [] : [try LogText(rest)])
        case "counter":
            guard words.count > 2 else { throw fail("counter TABLE [PACKETS:BYTES] RULE") }
            counters =
                (counters ?? [])
                + (try RuleCounters("*\(words[0])\n" + Self.counterLine(Self.remainder(rest, after: 1)))).lines
        case "flow": flows = (flows ?? []) + (rest == "none" ? [] : [rest])
        case "expectation": expectations = (expectations ?? []) + (rest == "none" ? [] : [rest])
        case "drop":
            guard words.count == 2, let count = Int64(words[1]) else { throw fail("drop REASON NUMBER") }
            drops[words[0]] = count
        default: throw fail("unknown \"\(word)\"")
        }
    }

    /// `[1:40] :INPUT ACCEPT` in the order in which iptables-save prints a policy.
    private static func counterLine(_ text: String) -> String {
        let parts = text.split(separator: " ", maxSplits: 1).map { String($0) }
        return parts.count == 2 && parts[1].hasPrefix(":") ? "\(parts[1]) \(parts[0])" : text
    }

    private func side(_ word: String?, _ line: Int) throws -> String {
        guard let word, ["lan", "wan", "dmz"].contains(word) else {
            throw ScenarioError(file: name, line: line, message: "a side is lan, wan or dmz, not \"\(word ?? "")\"")
        }
        return word
    }

    /// What follows the first words; blanks inside a payload stay as they are.
    private static func remainder(_ text: String, after count: Int) -> String {
        var rest = text[...]
        for _ in 0..<count { rest = rest.drop { $0 != " " }.drop { $0 == " " } }
        return String(rest)
    }
}

extension HostAction {
    init(_ text: String) throws {
        let words = text.split(separator: " ").map { String($0) }
        func endpoint(_ word: String) -> (IPv4Address, UInt16)? {
            let parts = word.split(separator: ":")
            guard parts.count == 2, let address = IPv4Address(parts[0]), let port = UInt16(parts[1]) else { return nil }
            return (address, port)
        }
        let quoted = text.split(separator: "\"", omittingEmptySubsequences: false).dropFirst().first.map { String($0) }
        switch words.first {
        case "udp":
            guard words.count > 4, let from = UInt16(words[1]), let (to, port) = endpoint(words[3]), let quoted else {
                break
            }
            self = .udp(from: from, to: to, port: port, text: quoted)
            return
        case "tcp":
            guard words.count == 4, let from = UInt16(words[1]), let (to, port) = endpoint(words[3]) else { break }
            self = .tcp(from: from, to: to, port: port)
            return
        case "listen":
            guard words.count == 3, let port = UInt16(words[2]), ["tcp", "udp"].contains(words[1]) else { break }
            self = .listen(words[1] == "tcp" ? .tcp : .udp, port)
            return
        case "answer":
            guard words.count > 3, words[1] == "udp", let port = UInt16(words[2]), let quoted else { break }
            self = .answer(port, text: quoted)
            return
        case "ping":
            guard words.count == 3, let to = IPv4Address(words[1]), let id = UInt16(words[2]) else { break }
            self = .ping(to, id: id)
            return
        default: break
        }
        throw LabError("not something a host does: \(text)")
    }
}
