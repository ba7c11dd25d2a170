import Control
import Glibc
import Router
import Rules

/// iptables, iptables-restore and iptables-save against the running router. Words and standard input go to the daemon in one request,
/// and what it answers is printed; only files and host names are looked up here, where the operator is.
struct IPTablesClient {
    let program: IPTablesRequest.Program

    init(_ program: IPTablesRequest.Program) { self.program = program }

    /// - Returns: the exit code.
    func run(_ arguments: [String]) -> Int32 {
        var arguments = arguments
        var socket: String?
        // No option of iptables: it names the router, so it stands before them all.
        if arguments.first == "--socket", arguments.count > 1 {
            socket = arguments[1]
            arguments.removeFirst(2)
        }
        do throws(IPTables.Finished) {
            return try perform(arguments, socket: socket)
        } catch {
            return finish(output: error.outcome.output, errors: error.outcome.errors, exitCode: error.outcome.exitCode)
        }
    }

    private func perform(_ arguments: [String], socket: String?) throws(IPTables.Finished) -> Int32 {
        var request = IPTablesRequest(program: program, arguments: arguments)
        var outputFile: String?
        switch program {
        case .iptables:
            // Help and version need no router.
            if IPTables.standsAlone(arguments) { _ = try IPTables.command(arguments) }
        case .restore:
            let restore = try IPTables.restoreArguments(arguments)
            request.input = try read(restore.file)
        case .save:
            outputFile = try IPTables.saveArguments(arguments).file
        }
        let reply = try ask(request, socket: socket)
        if let outputFile, reply.exitCode == 0 {
            try write(reply.output, to: outputFile)
            return finish(output: "", errors: reply.errors, exitCode: 0)
        }
        return finish(output: reply.output, errors: reply.errors, exitCode: reply.exitCode)
    }

    // MARK: The daemon

    private func ask(_ request: IPTablesRequest, socket: String?) throws(IPTables.Finished) -> CommandReply {
        var request = request
        do {
            // Again with the addresses of hosts as long as it names some that it did not name before.
            while true {
                switch try perform(.iptables(request), socket: socket, until: Clock.now() + wait(request.arguments)) {
                case .command(let reply): return reply
                case .hostsWanted(let wanted): request.hosts = try HostAnswer.resolve(wanted, beside: request.hosts)
                case let reply: throw ClientOptions.unexpected(reply)
                }
            }
        } catch {
            // The words and the code of a kernel without the table: what programs that call iptables know.
            let reason = (error as? Failure)?.message ?? "\(error)"
            throw failure(
                "\(program.rawValue) \(IPTables.version): can't initialize iptables table `\(table(request.arguments))': \(reason)\n"
                    + "Perhaps iptables or your kernel needs to be upgraded.\n", exitCode: 3)
        }
    }

    /// Sends a request, again and again while the daemon has too many clients: callers of the kernel's iptables wait for each other, too.
    private func perform(_ request: Request, socket: String?, until deadline: Double) throws -> Reply {
        while true {
            do {
                var client = try ControlClient(path: ClientOptions.path(socket))
                return try client.perform(request)
            } catch let failure as Failure where failure.message.hasPrefix(ControlServer.tooManyClients) && Clock.now() < deadline {
                usleep(50_000)
            }
        }
    }

    /// Seconds that `-w` gives, 10 without it.
    private func wait(_ arguments: [String]) -> Double {
        for (place, word) in arguments.enumerated() where word == "-w" || word.hasPrefix("--wait") && !word.hasPrefix("--wait-") {
            let value = word.contains("=") ? String(word.drop { $0 != "=" }.dropFirst()) : place + 1 < arguments.count ? arguments[place + 1] : ""
            // Without a number it waits for as long as it takes.
            return Double(value) ?? 86_400
        }
        return 10
    }

    /// Seconds that only go forward.
    private enum Clock {
        static func now() -> Double {
            var now = timespec()
            unsafe clock_gettime(CLOCK_MONOTONIC, &now)
            return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
        }
    }

    private func table(_ arguments: [String]) -> String {
        guard program == .iptables, let place = arguments.firstIndex(where: { $0 == "-t" || $0 == "--table" }),
            place + 1 < arguments.count
        else { return "filter" }
        return arguments[place + 1]
    }

    // MARK: Files

    private func read(_ file: String?) throws(IPTables.Finished) -> String {
        if let file, unsafe access(file, R_OK) != 0 {
            throw failure("Can't open \(file): \(systemErrorText(errno))\n", exitCode: 1)
        }
        do throws(Control.Diagnostic) {
            return try TextFile.readRules(file ?? "-")
        } catch {
            throw failure("\(program.rawValue): \(error)\n", exitCode: 1)
        }
    }

    private func write(_ text: String, to file: String) throws(IPTables.Finished) {
        let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw failure("Failed to open file, error: \(systemErrorText(errno))\n", exitCode: 1)
        }
        defer { close(descriptor) }
        let output = Output(descriptor)
        output.write(text)
        do { try output.flush() } catch {
            throw failure("\(program.rawValue): \(file): \((error as? Failure)?.message ?? "\(error)")\n", exitCode: 1)
        }
    }

    private func failure(_ errors: String, exitCode: Int32) -> IPTables.Finished {
        IPTables.Finished(outcome: .init(errors: errors, exitCode: exitCode))
    }

    private func finish(output: String, errors: String, exitCode: Int32) -> Int32 {
        Output.standard.write(output)
        Output.error.write(errors)
        try? Output.error.flush()
        do { try Output.standard.flush() } catch { return 1 }
        return exitCode
    }
}
