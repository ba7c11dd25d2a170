import CXDP
import Foundation
import Synchronization

/// A network namespace for one test, removed with the value. Its name carries the process's number and its own.
final class TestNamespace {
    let name: String
    private static let made = Atomic<Int>(0)

    init(_ suffix: String) throws {
        let number = Self.made.add(1, ordering: .relaxed).newValue
        name = "mio\(getpid())n\(number)\(suffix)"
        try Self.run(["ip", "netns", "add", name])
        try ip("link", "set", "lo", "up")
    }

    deinit { _ = try? Self.run(["ip", "netns", "del", name]) }

    /// Runs `ip` in the namespace.
    func ip(_ arguments: String...) throws {
        try Self.run(["ip", "-n", name] + arguments)
    }

    /// Runs a command in the namespace and returns what it printed; fails if it fails.
    @discardableResult
    func run(_ arguments: String...) throws -> String {
        try Self.run(["ip", "netns", "exec", name] + arguments)
    }

    /// Starts a command in the namespace, its output thrown away.
    func start(_ arguments: String...) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["ip", "netns", "exec", name] + arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    /// Runs a body with this thread in the namespace.
    func inside<R>(_ body: () throws -> R) throws -> R {
        let former = unsafe open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        let descriptor = unsafe open("/var/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
        defer {
            close(descriptor)
            close(former)
        }
        guard martlet_enter_network(descriptor) == 0 else { throw CommandFailed(text: "setns \(name): \(errno)") }
        defer { precondition(martlet_enter_network(former) == 0) }
        return try body()
    }

    struct CommandFailed: Error { var text: String }

    @discardableResult
    static func run(_ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw CommandFailed(text: "\(arguments.joined(separator: " ")): \(text)")
        }
        return text
    }
}

/// A packet socket on a link of the namespace it is opened in: sends raw frames, and receives what comes in there.
final class PacketSocket {
    private let descriptor: Int32

    init(_ link: String) throws {
        let everything = UInt16(ETH_P_ALL).bigEndian
        descriptor = socket(AF_PACKET, Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), Int32(everything))
        var room: Int32 = 4 << 20
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &room, 4)
        var address = sockaddr_ll()
        address.sll_family = UInt16(AF_PACKET)
        address.sll_protocol = everything
        address.sll_ifindex = unsafe Int32(if_nametoindex(link))
        let code = unsafe withUnsafePointer(to: &address) { address in
            unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(descriptor, address, socklen_t(MemoryLayout<sockaddr_ll>.size))
            }
        }
        guard code == 0 else { throw TestNamespace.CommandFailed(text: "packet socket on \(link): \(errno)") }
    }

    deinit { close(descriptor) }

    func send(_ frame: [UInt8]) throws {
        guard unsafe CXDP.send(descriptor, frame, frame.count, 0) == frame.count else {
            throw TestNamespace.CommandFailed(text: "send: \(errno)")
        }
    }

    /// Frames that came in and satisfy a condition, until there are `count` or the time is over.
    func receive(_ count: Int, within seconds: Double = 2, where wanted: ([UInt8]) -> Bool) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        let end = Date().addingTimeInterval(seconds)
        while frames.count < count, Date() < end {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&waiting, 1, 20) > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 65536)
            var from = sockaddr_ll()
            var size = socklen_t(MemoryLayout<sockaddr_ll>.size)
            let length = unsafe withUnsafeMutablePointer(to: &from) { from in
                unsafe from.withMemoryRebound(to: sockaddr.self, capacity: 1) { from in
                    unsafe recvfrom(descriptor, &buffer, buffer.count, 0, from, &size)
                }
            }
            guard length > 0, from.sll_pkttype != UInt8(PACKET_OUTGOING) else { continue }
            let frame = Array(buffer[..<length])
            if wanted(frame) { frames.append(frame) }
        }
        return frames
    }
}
