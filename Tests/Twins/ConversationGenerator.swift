import Net
import TestSupport

/// Makes a conversation packet by packet, each with a look at what the kernel made of those before: replies go to who seemed to
/// have asked.
struct ConversationGenerator {
    private var random: SeededRandom
    private var dialogs: [Dialog] = []
    private var rest: Int
    private var nextID: UInt16 = 0
    private var nextFragment = 1
    /// What came out, to be answered by errors.
    private var seen: [(side: Int, packet: TestPacket)] = []
    /// What the last step was: the dialog, and whether the client spoke.
    private var spoke: (dialog: Int, isClient: Bool, id: UInt16)?
    /// Whether addresses and ports may change on the way.
    var translates = false
    /// Between packets, in seconds.
    var pause = 0.0
    /// Commands in the middle, in their order.
    var changes: [RuleChange] = []
    /// What programs are heard of whose packets a helper reads.
    var talks: [HelperTalk] = []
    /// Connections announced to who is to open them.
    private var announced: [Dialog.View] = []
    /// Fragments under way, each a step.
    private var pending: [TwinCase.Step] = []

    init(random: SeededRandom, packets: Int) {
        self.random = random
        rest = packets
    }

    mutating func next(_ outputs: ArraySlice<TwinOutcome.Output>, _ names: NumberNames) -> TwinCase.Step? {
        learn(outputs)
        if let step = pending.popLast() { return step }
        guard rest > 0 else { return nil }
        rest -= 1
        spoke = nil
        if let change = changes.first, random.chance(15) {
            changes.removeFirst()
            return TwinCase.Step(side: 0, text: "", change: change)
        }
        switch random.number(1...100) {
        case 1...8 where !seen.isEmpty: return error(names)
        case 9...11: return single(names)
        default: return speak(names)
        }
    }

    private mutating func learn(_ outputs: ArraySlice<TwinOutcome.Output>) {
        for output in outputs {
            // Who quotes, quotes at least eight bytes behind the header (RFC 792).
            if let ip = output.packet.ip, output.packet.packetBytes.count >= 28 + ip.options.count { seen.append((output.side, output.packet)) }
            guard let spoke, let ip = output.packet.ip, ip.id == spoke.id else { continue }
            dialogs[spoke.dialog].learn(output.packet, side: output.side, sentByClient: spoke.isClient)
            if dialogs[spoke.dialog].talk != nil, let view = HelperTalk.announced(output.packet, side: output.side) { announced.append(view) }
        }
        if seen.count > 8 { seen.removeFirst(seen.count - 8) }
    }

    private mutating func freshID() -> UInt16 {
        nextID += 1
        return nextID
    }

    private func step(_ packet: TestPacket, side: Int, _ names: NumberNames) -> TwinCase.Step {
        TwinCase.Step(side: side, text: names.text(of: packet))
    }

    // MARK: Dialogs

    private mutating func speak(_ names: NumberNames) -> TwinCase.Step {
        let place: Int
        if dialogs.isEmpty || random.chance(20) {
            dialogs.append(newDialog())
            place = dialogs.count - 1
        } else {
            place = random.chance(60) ? dialogs.count - 1 : random.number(0...dialogs.count - 1)
        }
        var (isClient, side, packet) = dialogs[place].next(random: &random)
        let id = freshID()
        packet.ip?.id = id
        spoke = (place, isClient, id)
        spoil(&packet)
        let fragmentable = packet.packetBytes.count >= 44 && packet.ip?.options.isEmpty == true
        if fragmentable, random.chance(8) { return fragments(of: packet, side: side, names) }
        return step(packet, side: side, names)
    }

    private mutating func newDialog() -> Dialog {
        if let view = announced.last, random.chance(70) {
            announced.removeLast()
            let far = Pool.hosts.firstIndex { $0.contains(view.peer) } ?? 1
            let server = Dialog.View(side: far, own: view.peer, ownPort: view.peerPort, peer: view.own, peerPort: view.ownPort)
            return Dialog(kind: talks.contains(.tftp) && view.ownPort == HelperTalk.dataPorts[0] ? .udp : .tcp, client: view, server: server, random: &random)
        }
        let side = random.pick(weighted: [(6, 0), (3, 1), (2, 2)])
        var client = Dialog.View(side: side, own: random.pick(Pool.hosts[side]), ownPort: 0, peer: .any, peerPort: 0)
        var far = random.pick(weighted: [(6, 1), (3, 0), (3, 2)])
        switch random.number(1...100) {
        case 1...62: client.peer = random.pick(Pool.hosts[far])
        case 63...68: (client.peer, far) = (random.pick(Pool.far), 1)
        case 69...88: client.peer = random.pick(Pool.router)
        case 89...94: client.peer = random.pick(Pool.spare)
        case 95...98: client.peer = random.pick(Pool.groups)
        default: (client.own, client.peer) = (random.pick(Pool.senders), random.pick(Pool.everywhere))
        }
        // SCTP not to the router: what it answers to a packet of no flow would be of a flow, if there is one.
        let isForRouter = Pool.router.contains(client.peer)
        let talk = talks.isEmpty || random.chance(40) ? nil : random.pick(talks)
        let kind: Dialog.Kind =
            switch random.number(1...100) {
            case _ where talk != nil: talk!.ipProtocol == 17 ? .udp : .tcp
            case 1...4 where !isForRouter: .sctp(SCTPTalk(random: &random))
            case 1...45: .tcp
            case 46...75: .udp
            case 76...88: .ping
            default: .other(random.pick(Pool.protocols.filter { ![1, 6, 17, 132].contains($0) }))
            }
        client.ownPort = random.chance(70) ? random.pick([1000, 1001, 5000, 5001]) : random.pick(Pool.ports)
        client.peerPort = talk?.port ?? random.pick(Pool.services)
        if case .ping = kind { client.peerPort = client.ownPort }
        let answerer = Pool.groups.contains(client.peer) ? random.pick(Pool.hosts[far]) : client.peer
        let server = Dialog.View(
            side: far, own: answerer, ownPort: client.peerPort, peer: client.own, peerPort: client.ownPort)
        var dialog = Dialog(kind: kind, client: client, server: server, random: &random)
        dialog.talk = talk
        return dialog
    }

    /// Now and then something is not as it should be.
    private mutating func spoil(_ packet: inout TestPacket) {
        guard random.chance(12), packet.ip != nil else { return }
        switch random.number(1...9) {
        case 1: packet.ip?.ttl = 1
        case 2: packet.ip?.checksum = .wrong
        case 3:
            switch packet.transport {
            case .tcp(var tcp):
                tcp.checksum = .wrong
                packet.transport = .tcp(tcp)
            case .udp(var udp):
                udp.checksum = .wrong
                packet.transport = .udp(udp)
            case .icmp(var icmp):
                icmp.checksum = .wrong
                packet.transport = .icmp(icmp)
            case .bare: break
            }
        case 4:
            if case .udp(var udp) = packet.transport {
                udp.length = UInt16(random.pick([0, 7, 2000]))
                packet.transport = .udp(udp)
            }
        case 5: packet.ip?.totalLength = UInt16(random.pick([10, 20, 24, 28, 1500]))
        case 6: packet.ip?.dontFragment = true
        case 7: packet.ip?.options = [1, 1, 1, 1]
        case 8: packet.ip?.tos = random.pick(Pool.tos)
        default: packet.ip?.ttl = random.pick(Pool.ttls)
        }
    }

    // MARK: Fragments

    /// The same packet in pieces: in order in one step, or each in a step of its own in any order, with one missing or doubled.
    private mutating func fragments(of packet: TestPacket, side: Int, _ names: NumberNames) -> TwinCase.Step {
        var packet = packet
        // Whether the kernel keeps Don't Fragment on what it cuts again depends on how the pieces lay in its memory.
        packet.ip?.dontFragment = false
        let name = "$f\(nextFragment)"
        nextFragment += 1
        // Of a chosen port follows a checksum, which can only be told apart in the first piece.
        let size = random.pick(translates ? [24, 48] : [8, 16, 24, 48])
        // A port that NAT chose has its name only in a packet's own text.
        let isChosen = packet.ports.map { !names.isKnown($0.source) || !names.isKnown($0.destination) } ?? false
        if isChosen || random.chance(50) {
            // Names may stand in the packet's text, so the id is set there too.
            var step = step(packet, side: side, names)
            step.text = Self.naming(packet.ip?.id, name, in: step.text)
            step.fragments = size
            return step
        }
        var pieces = TestSupport.fragments(of: packet, size: size)
        pieces.shuffle(using: &random)
        if random.chance(25), pieces.count > 1 { pieces.removeLast() }
        if random.chance(15), let first = pieces.first { pieces.append(first) }
        let steps = pieces.prefix(8).map { piece in
            TwinCase.Step(side: side, text: Self.naming(piece.ip?.id, name, in: piece.description))
        }
        pending = Array(steps.dropFirst().reversed())
        return steps[0]
    }

    private static func naming(_ id: UInt16?, _ name: String, in text: String) -> String {
        var words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard let id, let place = words.firstIndex(of: "id"), words[place + 1] == "\(id)" else { return text }
        words[place + 1] = name
        return words.joined(separator: " ")
    }

    // MARK: Errors and strays

    /// An ICMP error of whoever received a packet, about it (RFC 792).
    private mutating func error(_ names: NumberNames) -> TwinCase.Step {
        let (side, about) = random.pick(seen)
        guard let ip = about.ip else { return single(names) }
        let kinds: [(UInt8, UInt8, UInt32)] = [
            (3, 0, 0), (3, 1, 0), (3, 3, 0), (3, 13, 0), (11, 0, 0), (11, 1, 0), (12, 0, 0x1400_0000), (4, 0, 0), (5, 1, 0x0A00_0003),
            (3, 4, 1200),
        ]
        var (type, code, info) = random.pick(kinds)
        // The kernel would remember a smaller MTU for its own answers.
        if type == 3, code == 4, Pool.router.contains(ip.source) { (type, code, info) = (3, 3, 0) }
        let sender = random.chance(75) ? ip.destination : random.pick(Pool.hosts[side])
        let source = Pool.groups.contains(sender) ? random.pick(Pool.hosts[side]) : sender
        var header = TestPacket.IP(source: source, destination: random.chance(92) ? ip.source : random.pick(Pool.everywhere), proto: .icmp)
        header.id = freshID()
        var quoted = about
        quoted.ethernet = nil
        if random.chance(15) { quoted.ip?.ttl = 1 }
        let packet = TestPacket(
            ip: header, transport: .icmp(.init(type: type, code: code, rest: info)), payload: quoted.packetBytes)
        return step(packet, side: side, names)
    }

    /// A packet that belongs to nothing.
    private mutating func single(_ names: NumberNames) -> TwinCase.Step {
        let side = random.number(0...2)
        var ip = TestPacket.IP(source: random.pick(Pool.hosts[side]), destination: random.pick(Pool.everywhere), proto: .udp)
        ip.id = freshID()
        var packet: TestPacket
        switch random.number(1...6) {
        case 1:
            ip.proto = .icmp
            packet = TestPacket(ip: ip, transport: .icmp(.init(type: random.pick([0, 3, 9, 10, 15, 17, 18, 30, 255]), code: UInt8(random.number(0...3)), rest: 7)), payload: TestPacket.pattern(28))
        case 2:
            ip.proto = .tcp
            packet = TestPacket(ip: ip, payload: TestPacket.pattern(random.number(0...19)))
        case 3: packet = TestPacket(ip: ip, payload: TestPacket.pattern(random.number(0...8)))
        case 4:
            ip.proto = IPProtocol(rawValue: UInt8(random.pick([0, 4, 6, 17, 41, 103, 200, 255])))
            packet = TestPacket(ip: ip, payload: TestPacket.pattern(random.number(0...40)))
        case 5:
            ip.source = random.pick(["0.0.0.0", "127.0.0.1", "224.0.0.5", "10.0.0.1", "255.255.255.255"])
            packet = TestPacket(ip: ip, transport: .udp(.init(sourcePort: 1000, destinationPort: 53)), payload: TestPacket.pattern(8))
        default:
            packet = TestPacket(ip: ip, transport: .udp(.init(sourcePort: 1000, destinationPort: 53)), payload: TestPacket.pattern(8))
            Pool.topology.address(&packet, side: side)
            packet.ethernet?.destination = random.pick([.broadcast, Pool.topology.hostMAC(side, 4), Pool.topology.routerMAC((side + 1) % 3)])
        }
        return step(packet, side: side, names)
    }
}
