import BPFPrograms
import CXDP
import Glibc
import Net

/// How a port moves frames.
public enum PortMode: String, Sendable, Codable {
    /// The NIC reads and writes the shared memory itself.
    case zeroCopy = "zero-copy"
    /// The driver hands each frame over natively, and the kernel copies it once.
    case copy
}

/// How a port should move frames, as the configuration asks.
public enum PortModeRequest: String, Sendable, Codable {
    /// Zero-copy where the driver has it, else copy.
    case auto
    case zeroCopy = "zero-copy"
    case copy
}

/// A NIC whose IPv4 frames come to this process: an AF_XDP socket on each of its queues, and the XDP program that steers
/// into them. The program is attached natively and by a link, so it goes with the process; generic XDP is not used.
///
/// The calling thread's network namespace at the time of `init` is the one the name is looked up in.
@safe public final class AttachedPort: @unchecked Sendable {
    public let name: String
    public let index: PortIndex
    public let link: LinkIndex
    /// The mode in force, read back from the kernel.
    public let mode: PortMode
    /// Whether VLAN tags that the NIC takes off are put back (the kernel has the call since 6.8, if the driver does).
    public let restoresTags: Bool
    /// By queue number, from 0. Chunks must be given to each before it receives.
    public let rings: [Ring]

    /// What the port is for, which decides the program.
    public enum Role: Sendable {
        /// A NIC: takes IPv4 and leaves the rest to the kernel.
        case port
        /// The daemon's end of the host path: takes everything.
        case host
    }

    private let umem: Umem
    private let control: SteeringControl
    private let program: LoadedObject
    // Guarded by nothing: the owner detaches once, when no thread uses the rings any more.
    private var attachment: Int32

    /// - Parameters:
    ///   - ringSize: entries of each of a queue's four rings, a power of two from 64 to 32768.
    /// - Throws: what failed and what to do about it. Nothing is left behind.
    public init(
        name: String, port: PortIndex, mode request: PortModeRequest = .auto, role: Role = .port, ringSize: Int = 2048,
        umem: Umem, control: SteeringControl
    ) throws(PacketIOError) {
        guard (64...32768).contains(ringSize), ringSize & (ringSize - 1) == 0 else {
            throw PacketIOError("rings of \(ringSize) entries", port: name, advice: "a power of two from 64 to 32768")
        }
        let device = try Device(name: name, umem: umem)
        var setup = RingSetup(
            name: name, link: device.link, port: port, queue: 0, canTransmit: true, ringSize: UInt32(ringSize),
            umem: umem, first: nil, zeroCopy: request != .copy)

        // Sockets first and the program last: once it is attached, each queue has where to go.
        var opened: [Ring]
        do {
            opened = try Self.open(setup, on: device)
        } catch where request == .auto && error.code != EBUSY && error.code != EPERM {
            setup.zeroCopy = false
            opened = try Self.open(setup, on: device)
        }
        do {
            let loaded = try Self.load(role, device, opened, control)
            attachment = try device.attach(loaded.program.program)
            program = loaded.program
            restoresTags = loaded.restoresTags
        } catch {
            for ring in opened { ring.close() }
            throw error
        }
        self.name = name
        index = port
        link = LinkIndex(rawValue: Int32(device.link))
        rings = opened
        mode = opened.allSatisfy { $0.isZeroCopy() } ? .zeroCopy : .copy
        self.umem = umem
        self.control = control
    }

    deinit { detach() }

    /// Takes the program off the NIC, so that all frames are the kernel's again, and closes the rings. Chunks that were
    /// in them belong to nobody afterwards. No thread may use the rings during the call or later. Doing it twice is fine.
    public func detach() {
        guard attachment >= 0 else { return }
        close(attachment)
        attachment = -1
        for ring in rings { ring.close() }
    }

    /// What the XDP program did with frames that did not reach a ring, since it was attached.
    public func steering() -> SteeringCounters {
        let counters = program.counters()
        return SteeringCounters(
            late: counters[Int(MARTLET_COUNT_LATE.rawValue)], passed: counters[Int(MARTLET_COUNT_PASSED.rawValue)],
            unbound: counters[Int(MARTLET_COUNT_UNBOUND.rawValue)],
            noRoom: counters[Int(MARTLET_COUNT_NO_ROOM.rawValue)])
    }

    /// Opens a socket on every queue; if one fails, those before it are closed again.
    private static func open(_ setup: RingSetup, on device: Device) throws(PacketIOError) -> [Ring] {
        var rings: [Ring] = []
        for queue in 0..<device.receiveQueues {
            var setup = setup
            setup.queue = queue
            setup.canTransmit = queue < device.transmitQueues
            setup.first = rings.first?.fileDescriptor
            do {
                rings.append(try Ring(setup))
            } catch {
                for ring in rings { ring.close() }
                throw error
            }
        }
        return rings
    }

    /// Loads the program and puts the sockets into its map.
    private static func load(
        _ role: Role, _ device: Device, _ rings: [Ring], _ control: SteeringControl
    ) throws(PacketIOError) -> (program: LoadedObject, restoresTags: Bool) {
        var options = LoadedObject.Options()
        options.sharedMaps = ["control": control.map]
        options.entries = ["sockets": UInt32(rings.count)]

        var program: LoadedObject?
        var restoresTags = false
        if role == .port {
            // Refused by kernels without the call and by devices that run no program of their own.
            var bound = options
            bound.device = device.link
            program = try? LoadedObject(.steerTagged, options: bound)
            restoresTags = program != nil
        }
        let loaded: LoadedObject
        do {
            loaded = try program ?? LoadedObject(role == .port ? .steer : .hostReceive, options: options)
        } catch {
            throw PacketIOError("\(error)", port: device.name)
        }
        let sockets = loaded.map("sockets")
        for ring in rings {
            var queue = ring.queue
            var descriptor = ring.fileDescriptor
            guard unsafe bpf_map_update_elem(sockets, &queue, &descriptor, 0) == 0 else {
                throw PacketIOError("enter queue \(queue) into the XDP program's map", port: device.name, code: errno)
            }
        }
        return (loaded, restoresTags)
    }
}

/// Frames that an XDP program kept from the rings, by reason.
public struct SteeringCounters: Sendable, Codable, Hashable {
    /// To the kernel, because the deadline had passed or was not set yet.
    public var late: UInt64
    /// To the kernel, because they are its own: ARP, IPv6, answers to a DHCP client.
    public var passed: UInt64
    /// Dropped: no socket on the queue.
    public var unbound: UInt64
    /// Dropped: no headroom to put a VLAN tag back.
    public var noRoom: UInt64
}
