import ArgumentParser

/// Only here to be listed: what stands behind `ipset` is read by `IPSetClient`, in ipset's own way.
struct IPSetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ipset", abstract: "The ipset command, against the running router.")

    @Argument(parsing: .captureForPassthrough, help: "As ipset takes them.")
    var arguments: [String] = []
    @OptionGroup var client: ClientOptions
}
