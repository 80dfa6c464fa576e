"""What scripts/interop runs: the newest of each on 2026-11-29. What they need besides is the newest that suits."""

from __future__ import annotations

PYTHON = {
    "starlette": ("Authlib==1.9.10", "starlette==1.10.0", "httpx==0.28.1", "itsdangerous==2.2.0", "uvicorn==0.54.0"),
    "allauth": ("Django==5.2.19", "django-allauth[socialaccount]==65.22.1"),
    "fastmcp": ("fastmcp==4.2.3", "uvicorn==0.54.0"),
    "jupyterhub": ("jupyterhub==6.1.1", "oauthenticator==17.4.0"),
    "streamlit": ("streamlit[auth]==1.67.0",),
    "social": ("Django==5.2.19", "social-auth-app-django==8.0.0", "social-auth-core==7.0.0"),
}
"""Name of an environment -> packages of PyPI."""

NPM = {
    "mcp": ("@modelcontextprotocol/client@2.4.0",),
    "jupyterhub": ("configurable-http-proxy@5.3.0",),
    "playwright": ("playwright-core@1.65.1",),
    "hono": ("hono@4.13.19", "@hono/node-server@2.1.9"),
    "jsonwebtoken": ("jsonwebtoken@9.0.3", "jwks-rsa@4.1.0", "express@5.3.0"),
    "better-auth": ("better-auth@1.7.25",),
    "fastify": ("@fastify/oauth2@8.3.0", "fastify@5.12.8"),
    "react": (
        "react-oidc-context@3.3.1",
        "oidc-client-ts@3.5.0",
        "react@19.3.1",
        "react-dom@19.3.1",
        "esbuild@0.28.2",
    ),
    "authjs": ("@auth/express@0.12.3", "express@5.3.0"),
}
"""Name of an environment -> packages of npm."""

SPRING_BOOT = {3: "3.5.7", 4: "4.0.7"}
"""What stands for @VERSION@ in pom.xml."""

JAVA = {"nimbus": ("com.nimbusds:oauth2-oidc-sdk:11.39",)}
"""Name of a program -> what stands for @DEPENDENCIES@ in plain-pom.xml: group, artifact, version."""

GO = {
    "oauth2-proxy": ("github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6",),
    "zitadel-oidc": ("github.com/zitadel/oidc/v3@v3.52.0",),
    "mcp": ("github.com/modelcontextprotocol/go-sdk@v1.8.0",),
    "kubernetes": ("k8s.io/apiserver@v0.37.2", "k8s.io/apimachinery@v0.37.2", "k8s.io/api@v0.37.2"),
    "kubectl": ("k8s.io/kubectl@v0.37.2", "k8s.io/client-go@v0.37.2", "k8s.io/component-base@v0.37.2"),
    "go-oidc": ("github.com/coreos/go-oidc/v3@v3.21.0", "golang.org/x/oauth2@v0.37.0"),
}
"""Name of a program -> what it is, or what its own source needs, of Go's modules."""

RUST = {
    "openidconnect": (
        'openidconnect = { version = "=4.1.0", features = ["reqwest-blocking"] }',
        'reqwest = { version = "=0.12.28", default-features = false, features = ["rustls-tls-native-roots"] }',
        'url = "=2.5.8"',
    ),
}
"""Name of a program -> the dependencies in its Cargo.toml. `reqwest` makes the machine's authorities known to it."""
