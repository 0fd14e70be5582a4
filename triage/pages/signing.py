"""Signing in and out."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.requests import cookie_parser
from starlette.responses import Response

from triage.access.accounts import close_session, has_users
from triage.access.identity import identity_of
from triage.access.sign_in import Refusal
from triage.pages.site import Site, form_of, local, then
from triage.telemetry import SignInTried


def routes(site: Site) -> APIRouter:
    """The sign-in's page and what its form does."""
    router = APIRouter(include_in_schema=False)
    cookie, secure = site.rules.cookie, site.rules.is_secure

    @router.get("/sign-in")
    def show_sign_in(request: Request) -> Response:
        going = local(request.query_params.get("next", ""))
        if identity_of(request) is not None:
            return then(going)
        with site.store.read() as session:
            some = has_users(session)
        return site.page(request, "sign_in.html", next=going, why="", name="", has_users=some)

    @router.post("/sign-in")
    def sign_in(request: Request) -> Response:
        form = form_of(request)
        going, name = local(form.get("next", "")), form.get("name", "")[:64]
        before = cookie_parser(request.headers.get("cookie", "")).get(cookie)
        address = str(request.scope.get("client_address", ""))
        tried = site.sign_in.attempt(name, form.get("password", ""), address, site.clock(), before)
        if isinstance(tried, Refusal):
            site.tell(SignInTried("password", "limited" if tried.wait_s else "refused", name, address))
            status = HTTPStatus.TOO_MANY_REQUESTS if tried.wait_s else HTTPStatus.UNAUTHORIZED
            answer = site.page(request, "sign_in.html", status, next=going, why=tried.why, name=name, has_users=True)
            if tried.wait_s:
                answer.headers["retry-after"] = str(round(tried.wait_s) + 1)
            return answer
        site.tell(SignInTried("password", "accepted", tried.name, address))
        answer = then(going)
        answer.set_cookie(
            cookie,
            tried.secret,
            max_age=int(site.rules.session_s),
            path="/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    @router.post("/sign-out")
    def sign_out(request: Request) -> Response:
        secret = cookie_parser(request.headers.get("cookie", "")).get(cookie)
        if secret:
            with site.store.write() as session:
                close_session(session, secret)
        answer = then("/sign-in")
        answer.delete_cookie(cookie, path="/", secure=secure, httponly=True, samesite="strict")
        answer.headers["clear-site-data"] = '"cache"'
        return answer

    return router
