import Control
import Foundation
import Glibc
import Testing

/// Answers what the tests ask for.
struct Handler: ControlHandler {
    func handle(_ request: Request, reply: (Reply) throws -> Void) throws {
        switch request {
        case .drops: for n in 0..<3 { try reply(.drop(DropRow(reason: "r\(n)", text: "", packets: 0))) }
        case .routes: break
        case .flowsCount: try reply(.flowCount(FlowCount(count: 1, max: 2, buckets: 3)))
        case .rulesRestore(let arguments): try reply(.done(Done(count: arguments.text.utf8.count)))
        case .flowsList:
            // More than any socket buffer holds.
            for _ in 0..<200_000 { try reply(.flow(FlowTextTests.tcp)) }
        case .reload: throw Failure("refused", exitCode: 2)
        default: struct Odd: Error {}; throw Odd()
        }
    }
}

/// A raw client that may send anything.
private final class Wire {
    let descriptor: Int32

    init(_ path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let result = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0)
        // A server that never answers fails the test instead of hanging it.
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ text: String) { send(Array(text.utf8)) }

    @discardableResult func send(_ bytes: [UInt8]) -> Int { unsafe Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    /// The next line, or nil at the end of the stream.
    func line() throws -> String? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while true {
            let count = unsafe recv(descriptor, &byte, 1, 0)
            if count < 0, errno != ECONNRESET { throw Failure("nothing came") }
            if count <= 0 { return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self) }
            if byte == 10 { return String(decoding: bytes, as: UTF8.self) }
            bytes.append(byte)
        }
    }
}

@Suite("The control socket")
struct ControlServerTests {
    let path = "/tmp/martlet-test-\(getpid())-\(UInt32.random(in: 0 ... .max)).sock"

    private func withServer<Result>(
        patience: ControlServer.Patience = .init(), _ body: (ControlServer) throws -> Result
    ) throws -> Result {
        let server = try ControlServer(path: path, group: nil, patience: patience, handler: Handler())
        try server.start()
        defer { server.stop() }
        return try body(server)
    }

    private func ask(_ request: Request) throws -> (rows: [Reply], final: Reply) {
        var client = try ControlClient(path: path)
        var rows: [Reply] = []
        let final = try client.perform(request) { rows.append($0) }
        return (rows, final)
    }

    @Test("one request a line, answered with one line, or with rows and their end")
    func answers() throws {
        try withServer { _ throws in
            #expect(try ask(.flowsCount).final == .flowCount(FlowCount(count: 1, max: 2, buckets: 3)))
            let drops = try ask(.drops)
            #expect(drops.rows.count == 3 && drops.final == .end(End(count: 3)))
            #expect(try ask(.routes).final == .end(End(count: 0)))
            #expect(throws: Failure("refused", exitCode: 2)) { try ask(.reload) }
            #expect(throws: Failure.self) { try ask(.ports) }
            let wire = try Wire(path)
            wire.send("{\"command\":\"drops\"}\n")
            for n in 0..<3 { #expect(try wire.line()?.contains("\"reason\":\"r\(n)\"") == true) }
            #expect(try wire.line() == "{\"end\":{\"count\":3}}")
        }
    }

    @Test("rules of megabytes fit")
    func large() throws {
        try withServer { _ throws in
            let text = String(repeating: "-A FORWARD -s 10.0.0.1/32 -j ACCEPT\n", count: 300_000)
            #expect(
                try ask(.rulesRestore(RulesRestore(file: "-", text: text))).final == .done(Done(count: text.utf8.count)))
        }
    }

    @Test("a malformed line is answered with a failure, and the next one as usual")
    func malformed() throws {
        try withServer { _ throws in
            let wire = try Wire(path)
            wire.send("garbage\n\n{\"command\":\"fly\"}\n")
            wire.send([0xFF, 0x00, 0x0A])
            for _ in 0..<4 { #expect(try wire.line()?.hasPrefix("{\"failure\"") == true) }
            wire.send("{\"command\":\"flows-count\"}\n")
            #expect(try wire.line()?.hasPrefix("{\"flow-count\"") == true)
        }
    }

    @Test("a line without end is refused at its limit, and the daemon serves others")
    func oversized() throws {
        try withServer { _ throws in
            let wire = try Wire(path)
            let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
            var sent = 0
            while sent <= ControlServer.lineLimit + (1 << 20) {
                let count = wire.send(piece)
                if count <= 0 { break }
                sent += count
            }
            if let line = try wire.line() { #expect(line.contains("longer than 64 MiB")) }
            #expect(try ask(.routes).final == .end(End(count: 0)))
        }
    }

    @Test("who is silent, stops in a line, or does not read is given up")
    func slow() throws {
        var patience = ControlServer.Patience()
        patience.idle = 1
        patience.line = 1
        patience.write = 1
        try withServer(patience: patience) { _ throws in
            let silent = try Wire(path)
            let halfway = try Wire(path)
            halfway.send("{\"command\"")
            let deaf = try Wire(path)
            deaf.send("{\"command\":\"flows-list\"}\n")
            #expect(try ask(.routes).final == .end(End(count: 0)))
            #expect(try silent.line() == nil)
            #expect(try halfway.line() == nil)
            sleep(2)
            var last: String?
            while let line = try deaf.line() { last = line }
            #expect(last?.hasPrefix("{\"end\"") != true)
        }
    }

    @Test("64 clients are served at once, the next is refused, and there is room again when one leaves")
    func many() throws {
        try withServer { _ throws in
            var wires = try (0..<ControlServer.clientLimit).map { _ in try Wire(path) }
            for wire in wires { wire.send("{\"command\":\"routes\"}\n") }
            for wire in wires { #expect(try wire.line() == "{\"end\":{\"count\":0}}") }
            #expect(try Wire(path).line()?.contains("too many clients") == true)
            wires.removeLast()
            // The server learns of it a moment later.
            var isServed = false
            for _ in 0..<200 where !isServed {
                isServed = (try? ask(.routes)) != nil
                if !isServed { usleep(10_000) }
            }
            #expect(isServed)
        }
    }

    @Test("the last places are root's")
    func kept() {
        #expect(ControlServer.mayEnter(isRoot: false, present: 59) && !ControlServer.mayEnter(isRoot: false, present: 60))
        #expect(ControlServer.mayEnter(isRoot: true, present: 63) && !ControlServer.mayEnter(isRoot: true, present: 64))
    }

    @Test("clients that vanish in the middle of an answer leave nothing behind")
    func vanishing() throws {
        try withServer { _ throws in
            for _ in 0..<100 {
                let wire = try Wire(path)
                wire.send("{\"command\":\"flows-list\"}\n")
            }
            for _ in 0..<200 { if (try? ask(.routes)) != nil { break }; usleep(10_000) }
            #expect(try ask(.routes).final == .end(End(count: 0)))
        }
    }

    @Test("the socket is root's with mode 0660, and gone after the stop")
    func mode() throws {
        try withServer { _ throws in
            var status = stat()
            #expect(unsafe stat(path, &status) == 0)
            #expect(status.st_mode & 0o7777 == 0o660)
        }
        #expect(unsafe access(path, F_OK) != 0 && access(path + ".lock", F_OK) != 0)
    }

    @Test("a living daemon's socket is refused, a dead one's replaced, and what is no socket left alone")
    func takeover() throws {
        try withServer { _ throws in
            let failure = #expect(throws: Failure.self) {
                try ControlServer(path: path, group: nil, handler: Handler())
            }
            #expect(failure?.message.contains("another daemon") == true)
            #expect(try ask(.routes).final == .end(End(count: 0)))
        }
        // What kill -9 leaves: a bound socket that nobody listens on.
        let dead = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let bound = unsafe withUnsafePointer(to: &address) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(dead, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(dead)
        try withServer { _ throws in #expect(try ask(.routes).final == .end(End(count: 0))) }
        #expect(unsafe close(open(path, O_CREAT | O_WRONLY, 0o600)) == 0)
        #expect(throws: Failure("\(path): exists and is not a socket")) {
            try ControlServer(path: path, group: nil, handler: Handler())
        }
        unsafe unlink(path)
        #expect(unsafe access(path + ".lock", F_OK) != 0)
    }

    @Test("with no daemon, the client says so and what to do")
    func nobody() {
        let failure = #expect(throws: Failure.self) { try ask(.routes) }
        #expect(failure?.message == "\(path): No such file or directory; is `martlet run` running?")
        #expect(failure?.exitCode == 1)
    }
}
